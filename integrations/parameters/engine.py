"""Compiles schemas and checks parameters. Also a program of its own, for what may take long; see `children`.

It imports nothing of the project, so that a process of it starts in a moment and holds nothing that is not its own.
"""

import json
import resource
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError, ValidationErrorKind

# What all patterns of a schema may take together when compiled: `^.{1,255}$` takes 260 KiB, `^\w{1,64}$` 9.
MAX_PATTERN_BYTES = 2**19
# A pattern's size is known as the first of these that it fits in.
_SIZES = [2**10 * each for each in (2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 320, 384, 448, 512)]
# What matching may remember of the texts it saw, per pattern; by default it is 2 MiB.
_CACHE_BYTES = 2**16
_MEMORY_BYTES = 2**29

# Where in the schema, and a sentence.
Fault = tuple[list[str | int], str]


def compiled(schema: Any) -> Draft202012Validator:
    """Raises jsonschema_rs.ValidationError where it is none, or a pattern is none or too large."""
    return Draft202012Validator(schema, pattern_options=_options(MAX_PATTERN_BYTES), offline=True)


def size_of(patterns: Mapping[str, int], *, most: int = MAX_PATTERN_BYTES) -> int | None:
    """What patterns take together when compiled, each rounded up; None where that is above `most`.

    Args:
        patterns: how often each is used. What is no pattern, but stands where one may, takes nothing.
    """
    total = 0
    for pattern, count in patterns.items():
        room = (most - total) // count
        size = next((each for each in _SIZES if each <= room and _fits(pattern, each)), None)
        if size is None:
            if most < MAX_PATTERN_BYTES or _fits(pattern, MAX_PATTERN_BYTES):
                return None
            size = 0  # `fault` refuses it, if it is a pattern
        total += size * count
    return total


def fault(schema: Any, patterns: Mapping[str, int]) -> Fault | None:
    """Why it cannot be compiled, if it cannot."""
    if size_of(patterns) is None:
        most = MAX_PATTERN_BYTES // 1024
        return [], f"Its patterns must take at most {most} KiB together when compiled: repeat less, and not in repeats."
    try:
        compiled(schema)
    except ValidationError as error:
        if isinstance(error.kind, ValidationErrorKind.Format) and error.kind.format == "regex":
            detail = "Must be a regular expression, a short one without look-around and back-references."
        else:
            detail = error.message[:300]
        return list(error.instance_path), detail
    return None


def _fits(pattern: str, size: int) -> bool:
    try:
        Draft202012Validator({"pattern": pattern}, pattern_options=_options(size), offline=True)
    except ValidationError:
        return False
    return True


def _options(size: int) -> RegexOptions:
    return RegexOptions(size_limit=size, dfa_size_limit=_CACHE_BYTES)


# --- The program ----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def _compiled(schema: str) -> Draft202012Validator:
    return compiled(json.loads(schema))


def fits(schema: str, parameters: str) -> bool:
    """Whether parameters fit a schema, both as JSON."""
    return _compiled(schema).is_valid(json.loads(parameters))


_QUESTIONS: dict[str, Callable[..., Any]] = {"fits": fits, "fault": fault}


def serve(connection: socket.socket) -> None:
    """Answer requests, a line of JSON each, until the other end is closed.

    A request says how many seconds of CPU time it may take. The kernel ends the process that takes more: no code of
    ours has to run for that, whatever the library is doing.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which closes the connection
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    with connection.makefile("rwb") as lines:
        for line in lines:
            seconds, question, about = json.loads(line)
            signal.setitimer(signal.ITIMER_PROF, seconds)
            said = _QUESTIONS[question](*about)
            left, _ = signal.setitimer(signal.ITIMER_PROF, 0)
            lines.write(json.dumps([said, max(0.0, seconds - left)]).encode() + b"\n")
            lines.flush()


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
