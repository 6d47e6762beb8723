"""`manage.py run`: everything from an empty data folder to a server that answers."""

import errno
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from retivo.processes import exit_with

_PORT_PATIENCE_SECONDS = 5
# So that sixteen requests of one tenant may be tried at once, whichever process gets them.
_THREADS = "32"


class Command(BaseCommand):
    help = (
        "Migrate, in development seed the demo data, serve with gunicorn and start a worker. "
        "`make run` also installs all of it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--exit-with-parent", type=int, metavar="PID", help="end when this parent process ends (Linux only)"
        )

    def handle(self, *, host: str, port: int, exit_with_parent: int | None, **options: Any) -> None:
        if exit_with_parent is not None:
            exit_with(exit_with_parent)
        _wait_until_free(host, port)
        call_command("migrate", interactive=False, verbosity=0)
        if settings.DEVELOPMENT:
            call_command("seed_demo")
        # Migrating takes seconds, in which somebody else may take the port.
        _wait_until_free(host, port)
        connections.close_all()
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        # gunicorn says so, once it listens.
        os.environ["RETIVO_READY"] = (
            f"Retivo listens on http://{address} (API docs: /api/docs, admin: /admin/). Ctrl-C stops it."
        )
        if settings.DEVELOPMENT:
            os.environ.setdefault("WEB_THREADS", _THREADS)
            # What the worker sends leads back to this server.
            reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, address.rpartition(":")[0])  # noqa: S104
            os.environ.setdefault("PUBLIC_URL", f"http://{reachable}:{port}")
        # The worker is this process's child, and so gunicorn's: it ends with it, and hears Ctrl-C as it does.
        manage = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py")]
        subprocess.Popen([*manage, "worker", f"--exit-with-parent={os.getpid()}"])  # noqa: S603  # our own arguments
        # In this process's place, so that whoever started it has one process to signal. Its share in the embedded
        # PostgreSQL ends here; loading the application takes a new one, and starts the server if it was the last.
        config = Path(settings.BASE_DIR) / "gunicorn.conf.py"
        os.execv(  # noqa: S606  # our own arguments
            sys.executable, [sys.executable, "-m", "gunicorn", f"--config={config}", f"--bind={address}"]
        )


def _wait_until_free(host: str, port: int) -> None:
    """Wait for the port: the workers of a server that was killed need a second to notice.

    Exits with one line when somebody else goes on holding it, or when there is no such address.
    """
    deadline = time.monotonic() + _PORT_PATIENCE_SECONDS
    while True:
        try:
            if not 0 < port < 2**16:  # getaddrinfo would wrap it around
                raise OSError(errno.EINVAL, "no such port")
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                return
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                sys.exit(f"retivo: Cannot listen on {host}, port {port}: {error.strerror}.")
            if time.monotonic() > deadline:
                sys.exit(f"retivo: Port {port} is in use. Stop what listens on it, or take another: make run PORT=8001")
        time.sleep(0.1)
