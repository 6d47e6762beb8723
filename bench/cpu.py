"""CPU time of the processes that answer a request, which neighbours on the machine do not change much.

PostgreSQL's backends count as part of a request. Its other processes (checkpointer, WAL writer, autovacuum, I/O) are
apart: they work when they think fit, for whatever was written before.
"""

from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]
from django.db import connections

BACKEND = "postgres: "
OTHERS = ("checkpointer", "background", "walwriter", "autovacuum", "logical", "io worker", "archiver", "walsummarizer")


@dataclass(frozen=True)
class Cpu:
    """In seconds."""

    web: float = 0.0
    backends: float = 0.0
    background: float = 0.0

    @property
    def request(self) -> float:
        """What counts as the cost of requests: the web's processes and PostgreSQL's backends."""
        return self.web + self.backends

    def __add__(self, other: "Cpu") -> "Cpu":
        return Cpu(self.web + other.web, self.backends + other.backends, self.background + other.background)

    def __sub__(self, other: "Cpu") -> "Cpu":
        return Cpu(self.web - other.web, self.backends - other.backends, self.background - other.background)


def spent(server: psutil.Process | None = None) -> Cpu:
    """What has been spent so far by `server` with its children (by this process where it is None) and by PostgreSQL.

    PostgreSQL must run on this machine. A backend that ends counts as background from then on; keep connections open.
    """
    web = _of_tree(server) if server else _own(psutil.Process())
    backends, background = 0.0, 0.0
    postmaster = _postmaster()
    for process in postmaster.children():
        title = " ".join(process.cmdline()).removeprefix(BACKEND)
        if title.startswith(OTHERS):
            background += _own(process)
        else:
            backends += _own(process)
    times = postmaster.cpu_times()
    return Cpu(web, backends, background + _own(postmaster) + times.children_user + times.children_system)


def _postmaster() -> psutil.Process:
    owner = connections["owner"]
    owner.ensure_connection()
    parent = psutil.Process(owner.connection.info.backend_pid).parent()
    assert parent is not None
    return parent


def _of_tree(process: psutil.Process) -> float:
    """With children that live, and those that have ended."""
    times = process.cpu_times()
    ended: float = times.children_user + times.children_system
    return _own(process) + ended + sum(_of_tree(child) for child in process.children())


def _own(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
