"""A pack: the fits of several seeds, side by side.

A fit is written for one seed, as a generator. Where it trains a network it yields the `Training`, and is resumed with
what became of it. The trainings that the fits of a pack ask for are carried out together; all else each fit does by
itself.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeAlias, TypeVar

from methods.training import Trained, Training, train

_Result = TypeVar("_Result")
#: A fit, or a part of one. It yields a `Training`, or None to let the others go first.
FitSteps: TypeAlias = Generator[Training | None, Trained, _Result]


def carry_out(fits: Sequence[FitSteps[None]]) -> list[Exception | None]:
    """Carry out fits to their end.

    Returns
    -------
    list of Exception or None
        The exception that ended a fit, None where there was none. A fit that fails ends alone.
    """
    failures: list[Exception | None] = [None] * len(fits)
    asked: dict[int, Training] = {}
    delayed: list[int] = []

    def resume(i: int, outcome: Trained | Exception | None) -> None:
        try:
            failed = isinstance(outcome, Exception)
            request = fits[i].throw(outcome) if failed else fits[i].send(outcome)  # type: ignore[arg-type]
        except StopIteration:
            return
        except Exception as error:
            failures[i] = error
            return
        if request is None:
            delayed.append(i)
        else:
            asked[i] = request

    try:
        for i in range(len(fits)):
            resume(i, None)
        while asked or delayed:
            together = [i for i, training in asked.items() if training.phase == "pretraining"]
            if delayed and not together:  # one at a time: it then waits for one lock, and holds no other
                resume(delayed.pop(0), None)
                continue
            together = together or list(asked)
            trainings = [asked.pop(i) for i in together]
            try:
                outcomes: Sequence[Trained | Exception] = train(trainings)
            except Exception as error:  # of all seeds, such as a lack of memory
                outcomes = [error] * len(trainings)
            for i, outcome in zip(together, outcomes, strict=True):
                resume(i, outcome)
    finally:
        for fit in fits:
            fit.close()  # which releases its locks
    return failures
