"""Checks of the contract of a method, run by ``deepclustbench check-method`` or by pytest.

Examples
--------
In the tests of a method, one test for each check::

    @pytest.mark.parametrize("check", method_checks("mine.py"))
    def test_my_method(check):
        check.run()
"""

from bench.testing.check import Check, MethodCheckError, Result, check_method, method_checks

__all__ = ["Check", "MethodCheckError", "Result", "check_method", "method_checks"]
