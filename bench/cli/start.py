"""What comes before all else: the command imports nothing from the folder in which it is started.

A file there may be named as one of our modules is, or as any other.
"""

import os
import sys


def leave_start_folder(*starts: str) -> None:
    """Take off the import path the folder that Python has put first, if it is one of these."""
    if sys.path and sys.path[0] in ("", *starts) and not sys.flags.safe_path:
        del sys.path[0]


if sys.argv[:1] in (["-c"], ["-m"]):
    leave_start_folder(os.getcwd())  # noqa: PTH109 - the less is imported before this, the better
