"""Secrets for a development machine: made at the first run, kept in `DATA_DIR/secrets`, never in the repository."""

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

_MAKERS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": get_random_secret_key,
    "ENCRYPTION_KEYS": lambda: Fernet.generate_key().decode(),
}


def development_secret(data_dir: Path, name: str) -> str:
    """The secret `name` of this data folder, made on first use; two processes that race get the same one.

    Raises:
        ImproperlyConfigured: the folder cannot be written.
    """
    path = data_dir / "secrets" / name
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            # Written whole beside it and linked into place: link() fails if another process was first.
            draft = path.with_name(f".{name}.{os.getpid()}")
            with open(draft, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
                file.write(_MAKERS[name]())
            try:
                os.link(draft, path)
            except FileExistsError:
                pass  # the other process's secret is as good
            finally:
                draft.unlink()
        return path.read_text()
    except OSError as error:
        raise ImproperlyConfigured(f"The data folder {data_dir} is not usable: {error.strerror}.") from error
