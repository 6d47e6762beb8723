"""Processes that belong together end together."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def exit_with(parent: int) -> None:
    """Be sent SIGTERM when `parent` ends, however it ends; exec keeps this. Does nothing elsewhere than on Linux."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it ended before this
        sys.exit("retivo: The process that started this has ended.")
