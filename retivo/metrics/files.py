"""Where the processes of one web server keep their counts, so that each can show the sum of all.

`gunicorn.conf.py` uses this before anything is imported, so nothing here may import Django or prometheus_client.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "retivo-metrics-"
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's own
_SERVER = "RETIVO_METRICS_SERVER"  # whose folder that is: a server that is started by another one makes its own

# A worker's files are named by its place and not by its pid, and the next worker in that place counts on in them. So
# there are never more files than workers at a time, and nothing that was counted is lost.
_place = "server"
_held: list[int] = []  # open until the last process of this server ends


def are_shared() -> bool:
    """Whether this process counts for a web server, which made a folder."""
    return _FOLDER in os.environ and _SERVER in os.environ


def make_folder(parent: str | None) -> None:
    """Make this server's folder in `parent` and remove those of servers that are gone. A second call does nothing."""
    if os.environ.get(_SERVER) == str(os.getpid()):
        return
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    # Inherited by all workers. Named last: whoever sees it by that name sees it locked.
    lock = os.open(folder / "new", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    (folder / "new").rename(folder / "lock")
    _held.append(lock)
    os.environ |= {_FOLDER: str(folder), _SERVER: str(os.getpid())}
    for other in folder.parent.glob(f"{_PREFIX}*/lock"):
        if other.parent != folder:
            _remove_if_left(other)


def remove_folder() -> None:
    """As the server ends."""
    if os.environ.get(_SERVER) == str(os.getpid()):
        shutil.rmtree(os.environ[_FOLDER], ignore_errors=True)


def free_place(taken: set[str]) -> str:
    """The first place among workers that is not taken."""
    return next(str(number) for number in range(len(taken) + 1) if str(number) not in taken)


def take_place(place: str) -> None:
    """Count in the files of `place` from now on; called by a worker after the fork."""
    global _place  # noqa: PLW0603  # one a process
    _place = place


def place() -> str:
    return _place


def _remove_if_left(lock: Path) -> None:
    try:
        held = os.open(lock, os.O_RDWR)
    except OSError:  # another start removes it, or it is another user's
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(lock.parent, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(held)
