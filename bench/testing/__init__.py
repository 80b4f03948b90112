"""What the suite asks of a method, as checks that an author can run: ``deepclustbench check-method`` or pytest.

Examples
--------
In a test of one's own method, one test a check::

    @pytest.mark.parametrize("check", method_checks("mine.py"))
    def test_my_method(check):
        check.run()
"""

from bench.testing.check import Check, MethodCheckError, Result, check_method, method_checks

__all__ = ["Check", "MethodCheckError", "Result", "check_method", "method_checks"]
