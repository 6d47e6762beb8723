"""What holds of every process that serves: it begins with what it needs, and ends with what it belongs to."""

import ctypes
import os
import signal
import sys

from django.core import checks
from django.db import OperationalError, connections

from retivo.database import startup

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


def exit_unless_fit() -> None:
    """Wait for the database, then exit where system checks fail, with a line for each."""
    try:
        connections["default"].ensure_connection()
    except OperationalError as error:
        sys.exit(f"retivo: The database does not answer: {startup.reason(error)}")
    found = checks.run_checks(databases=["default"])
    if serious := [message for message in found if message.is_serious() and not message.is_silenced()]:
        sys.exit("\n".join(f"retivo: {' '.join(str(message).split()).removeprefix('?: ')}" for message in serious))
