"""Cursors for statements that carry load."""

from typing import cast

from django.db import connections
from django.db.backends.utils import CursorWrapper

from retivo.database.backend.base import DatabaseWrapper


def kept_cursor() -> CursorWrapper:
    """The runtime connection's own cursor: see `DatabaseWrapper.kept_cursor`. It is not to be closed."""
    return cast("DatabaseWrapper", connections["default"]).kept_cursor()
