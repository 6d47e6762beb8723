"""gunicorn's settings; `manage.py run` adds the address."""

import gc
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

wsgi_app = "retivo.wsgi"
chdir = str(Path(__file__).parent)

workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS") or 8)  # each has a database connection of its own
preload_app = True
# A socket a worker: with a shared one, one worker may come to hold every kept-alive connection.
reuse_port = True
# The heartbeat's file, off the disk where that is possible.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108

keepalive = 75  # seconds; longer than load balancers (60) keep theirs, so that it is they who close
timeout = 30
graceful_timeout = 10

limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190
forwarded_allow_ips = ""  # whether X-Forwarded-Proto counts is TRUST_X_FORWARDED_PROTO's to say, alone

accesslog = None  # the application logs its requests
loglevel = "warning"
control_socket_disable = True


def when_ready(_arbiter: "Arbiter") -> None:
    """Close what loading the application opened: workers that inherit one connection talk over each other."""
    from django.db import connections  # late: this file is read before the settings

    # What is loaded stays: the collector need not walk it again, nor the workers copy its pages.
    gc.collect()
    gc.freeze()
    connections.close_all()


def post_worker_init(_worker: "Worker") -> None:
    """Leave Ctrl-C, which reaches the whole process group, to the arbiter, which then sends SIGQUIT.

    Both at once can deadlock a gthread worker in its own signal handler, until `graceful_timeout` has it killed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A request leaves little that only the collector can free; at the default 700 it ran in each of them.
    gc.set_threshold(20_000, 20, 20)
