"""The user's own tensors: .pt and .pth with a tensor, (x, y) or a dictionary of tensors; nothing else is unpickled."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.data.readers import Raw, Request, reading
from bench.data.readers.named_arrays import Array, names_of_splits, take
from bench.errors import InputError

if TYPE_CHECKING:
    import torch

_MEND = "save a tensor, (x, y) or a dictionary of tensors with torch.save"


def load(
    request: Request, *, x: str | None = None, y: int | str | None = None, samples: Literal["first", "last"] = "first"
) -> Raw:
    """Read points, and labels where there are any, from a file of tensors.

    Parameters
    ----------
    request : Request
    x, y : str, optional
        Keys of the points and of the labels in a dictionary, with those of dictionaries around them before a slash;
        see `bench.data.readers.named_arrays.take`. Of a pair the first is the points and the second the labels.
    samples : {"first", "last"}
        Which axis of the points counts them.

    Returns
    -------
    Raw
        Points as stored: (n, d), (n, height, width) or (n, height, width, channels).

    Raises
    ------
    InputError
        If the file is damaged, holds anything but tensors, or does not say plainly which is which.
    """
    with reading(request.path, _MEND):
        return take(request, _arrays(request.path), x, y, samples)


def splits_in(path: Path) -> tuple[str, ...]:
    """Return the splits that the keys of the dictionary tell, such as train and test."""
    with reading(path, _MEND):
        return names_of_splits(_arrays(path))


def _arrays(path: Path) -> dict[str, Array]:
    import torch

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(f"{path}: is no file of tensors alone, and pickled objects are not read; {_MEND}") from error
    return dict(_leaves("", loaded))


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Array]]:
    """Name the tensors, and the lists of numbers or words, in what was loaded."""
    import numpy as np
    import torch

    if isinstance(value, torch.Tensor):
        yield name or "x", _tensor(value)
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _leaves(f"{name}/{key}" if name else str(key), member)
    elif isinstance(value, (list, tuple)) and value:
        if {type(member) for member in value} <= {int, float, bool} or {type(member) for member in value} == {str}:
            array = np.array(value)
            yield name or "x", Array(array.shape, array.dtype, lambda: array)
        else:
            keys = ("x", "y") if len(value) == 2 else range(len(value))
            yield from _leaves(name, dict(zip(keys, value, strict=True)))


def _tensor(tensor: torch.Tensor) -> Array:
    import numpy as np
    import torch

    if tensor.is_quantized or tensor.device.type != "cpu":
        return Array(tuple(tensor.shape), np.dtype("V"), bytes, "a tensor without plain values")
    # NumPy lacks this type; every value of it is one of float32's.
    dtype = torch.float32 if tensor.dtype == torch.bfloat16 else tensor.dtype
    is_sparse = tensor.layout != torch.strided

    def read() -> Any:
        plain = tensor.detach().resolve_conj().resolve_neg().to(dtype)
        return _scipy(plain) if is_sparse else plain.numpy()

    return Array(tuple(tensor.shape), torch.empty(0, dtype=dtype).numpy().dtype, read, is_sparse=is_sparse)


def _scipy(tensor: torch.Tensor) -> Any:
    import scipy.sparse

    if tensor.ndim != 2:
        raise ValueError(f"a sparse tensor of shape {tuple(tensor.shape)} is not read; save it dense")
    coo = tensor.to_sparse_coo().coalesce()
    return scipy.sparse.coo_matrix((coo.values().numpy(), coo.indices().numpy()), shape=tuple(tensor.shape))
