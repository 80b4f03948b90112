"""The user's Ctrl-C, and a KeyboardInterrupt that a plugin raises."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from bench.errors import MethodError, plugin_faults
from bench.isolation import process_state_restored
from bench.plan.plan import load_datasets, make_plan
from bench.plan.registry import find_method
from bench.plan.suite import make_suite

INTERRUPTS_WHEN_MADE = """
from sklearn.base import BaseEstimator, ClusterMixin

class Mine(ClusterMixin, BaseEstimator):
    def __init__(self):
        raise KeyboardInterrupt
    def fit(self, X, y=None):
        return self
"""


def test_a_plugin_that_raises_keyboard_interrupt_is_left_out_and_the_others_run(tmp_path):
    (tmp_path / "imported.py").write_text("raise KeyboardInterrupt")
    (tmp_path / "made.py").write_text(INTERRUPTS_WHEN_MADE)
    methods = ["kmeans", f"{tmp_path}/imported.py:Mine", f"{tmp_path}/made.py:Mine"]
    suite = make_suite({"name": "s", "preset": "quick", "datasets": ["blobs"], "methods": methods, "seeds": 1}, "test")
    plan = make_plan(suite, load_datasets(suite, None))
    assert plan.suite.methods == ["kmeans"]
    assert ["KeyboardInterrupt" in fault for fault in plan.left_out] == [True, True]


@pytest.mark.parametrize("swallowed", [False, True])
def test_the_users_ctrl_c_ends_the_run_while_a_plugin_is_imported_even_if_the_plugin_swallows_it(swallowed):
    def press():
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)

    def plugin():
        threading.Timer(0.1, press).start()
        try:
            threading.Event().wait(30)
        except KeyboardInterrupt:
            if not swallowed:
                raise

    with pytest.raises(KeyboardInterrupt), plugin_faults(str):
        plugin()
    assert signal.getsignal(signal.SIGINT) is before


def test_in_a_thread_every_interrupt_is_the_plugins():
    raised = []

    def work():
        try:
            with plugin_faults(lambda error: type(error).__name__):
                raise KeyboardInterrupt
        except MethodError as error:
            raised.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert raised == ["KeyboardInterrupt"]


def test_closed_streams_are_open_again(capfd):
    with process_state_restored():
        sys.stdout.close()
        sys.__stderr__.close()
        os.close(1)
    print("text")
    assert "text" in capfd.readouterr().out


def test_a_file_that_is_no_plugin_restores_too(tmp_path):
    (tmp_path / "broken.py").write_text("import os\nos.chdir('/')\nraise SystemExit")
    before = Path.cwd()
    with pytest.raises(MethodError):
        find_method(f"{tmp_path}/broken.py:Mine")
    assert Path.cwd() == before
