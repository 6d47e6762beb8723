"""How much a test does: what takes minutes at its whole size is small in `make test`, and whole in `make soak`."""

import os


def size(usual: int, *, whole: int) -> int:
    return whole if os.environ.get("SOAK") else usual
