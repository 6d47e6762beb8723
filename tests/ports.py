"""Ports for servers that a test starts as processes of their own."""

import random
import socket

# Below the ports that Linux (32768) and macOS (49152) give to whoever binds port 0 or connects: between the look here
# and the start of the server, no other server or client of the tests that run beside is given one of these.
_NEVER_GIVEN = range(20_000, 32_768)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on.

    Raises:
        OSError: if none of 100 is free.
    """
    for port in random.sample(_NEVER_GIVEN, 100):
        with socket.socket() as free:
            # As servers do, so that connections that have ended, and wait, do not count.
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
