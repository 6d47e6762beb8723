"""Schemas and texts that take seconds to check, and a watch on whether anybody waits for that."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# In linear time, of a machine with 2,500 states: 0.3 to 0.6 s for 16,000 characters.
PATTERN = "^((a{0,50}){0,50}b?)*$"
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string", "pattern": PATTERN}}}
# As one could be stored before patterns were bounded together.
OUTDATED: dict[str, Any] = {"type": "object", "properties": {"a": {"allOf": [{"pattern": PATTERN}] * 30}}}
TEXT = "a" * 16_000 + "c"


@contextmanager
def longest_gap() -> Iterator[list[float]]:
    """A list whose only item becomes the longest time for which another thread of this process did not run."""
    gap, stopped = [0.0], threading.Event()

    def beat() -> None:
        last = time.monotonic()
        while not stopped.wait(0.005):
            now = time.monotonic()
            gap[0], last = max(gap[0], now - last), now

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield gap
    finally:
        stopped.set()
        thread.join()
