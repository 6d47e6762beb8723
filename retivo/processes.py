"""What a process is for, and processes that belong together: they end together."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

_is_background = False


def work_in_background() -> None:
    """Say that this process is a worker or a command, before the settings are read.

    It logs in to the database as the worker, and its transactions have `BACKGROUND_TIMEOUTS`.
    """
    global _is_background  # noqa: PLW0603  # what a process is it stays
    _is_background = True


def is_background() -> bool:
    """Whether this process is a worker or a command; it serves requests otherwise."""
    return _is_background


def exit_with(parent: int) -> None:
    """Be sent SIGTERM when `parent` ends, however it ends; exec keeps this. Does nothing elsewhere than on Linux."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it ended before this
        sys.exit("retivo: The process that started this has ended.")
