"""gunicorn's settings; `manage.py run` adds the address."""

import gc
import logging
import os
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gunicorn.http.errors import InvalidHeader

from retivo.metrics import files

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.http.message import Request
    from gunicorn.workers.base import Worker

wsgi_app = "retivo.wsgi"
chdir = str(Path(__file__).parent)
sys.path.insert(0, chdir)  # as gunicorn does, but only after it has read this file

from retivo.threads import SPARE, web_threads  # noqa: E402

workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
worker_class = "gthread"
threads = web_threads() + SPARE  # each has a database connection of its own
preload_app = True
# One socket for all, which a new release inherits (docs/decisions/0013). SO_REUSEPORT, a socket a worker, spread
# connections no more evenly, and a worker that stopped reset what waited in its own.
reuse_port = False
# The heartbeat's file, off the disk where that is possible.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108

# All workers' counts, which each of them shows; made anew with each server.
files.make_folder(worker_tmp_dir)

keepalive = 75  # seconds; longer than load balancers (60) keep theirs, so that it is they who close
timeout = 30
graceful_timeout = 10
STALL_TIMEOUT = struct.pack("ll", 10, 0)  # a timeval: how long a sender or reader may pause within a request

limit_request_line = 8190  # a search and a cursor, escaped, are more than 4 KB
limit_request_fields = 64
limit_request_field_size = 8190
# Whether X-Forwarded-Proto counts, TRUST_X_FORWARDED_PROTO alone says. On a Unix socket gunicorn believes anyone,
# whatever addresses are listed: so there is nothing to believe either.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""

accesslog = None  # the application logs its requests
loglevel = "error"  # its warnings quote request lines, which may name users and hold keys
control_socket_disable = True


def when_ready(_arbiter: "Arbiter") -> None:
    """Close what loading the application opened: workers that inherit one connection talk over each other.

    `manage.py run` has it say that the server listens.
    """
    from django.db import connections  # late: this file is read before the settings

    # What is loaded stays: the collector need not walk it again, nor the workers copy its pages.
    gc.collect()
    gc.freeze()
    connections.close_all()
    if "RETIVO_READY" in os.environ:
        print(os.environ["RETIVO_READY"], flush=True)  # noqa: T201


def pre_fork(server: "Arbiter", worker: "Worker") -> None:
    worker.place = files.free_place({other.place for other in server.WORKERS.values()})


def post_fork(_server: "Arbiter", worker: "Worker") -> None:
    files.take_place(worker.place)


def on_exit(_server: "Arbiter") -> None:
    files.remove_folder()


def post_worker_init(worker: "Worker") -> None:
    """Prepare a worker that has loaded the application, before its first request."""
    from gunicorn import util

    from retivo import tracing
    from retivo.api.unreadable import write_problem

    tracing.start("retivo-web")

    # Ctrl-C reaches the whole process group; the arbiter then sends SIGQUIT. Both at once can deadlock a gthread worker
    # in its own signal handler, until `graceful_timeout` has it killed.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A connection has this of its listener. Without it a client that stops in mid-request holds a thread for ever.
    for listener in worker.sockets:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            listener.setsockopt(socket.SOL_SOCKET, option, STALL_TIMEOUT)
    worker.log.error_log.addFilter(_is_no_stall)
    util.write_error = write_problem
    # A request leaves little that only the collector can free; at the default 700 it ran in each of them.
    gc.set_threshold(20_000, 20, 20)


def pre_request(_worker: "Worker", request: "Request") -> None:
    """Refuse a request of HTTP/1.1 without a `Host`, as RFC 9112 (3.2) demands; Django takes the server's own name.

    One with two of `Idempotency-Key` the application refuses.
    """
    if request.version == (1, 1) and not any(name == "HOST" for name, _ in request.headers):
        raise _NoHost("Host", request)
    keys = [value for name, value in request.headers if name == "IDEMPOTENCY-KEY"]
    if len(keys) > 1:
        # gunicorn joins them by a comma alone, which a key may have. A blank it may not, so this is refused as a key.
        others = [header for header in request.headers if header[0] != "IDEMPOTENCY-KEY"]
        request.headers[:] = [*others, ("IDEMPOTENCY-KEY", ", ".join(keys))]


class _NoHost(InvalidHeader):  # type: ignore[misc]  # gunicorn carries no types
    def __str__(self) -> str:
        return "HTTP/1.1 needs a Host header"


def _is_no_stall(record: logging.LogRecord) -> bool:
    """A client that stops in mid-request is no failure of ours, to be logged with a traceback."""
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError))
