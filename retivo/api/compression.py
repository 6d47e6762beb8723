"""Bodies that were sent gzipped."""

import gzip
import io
import zlib

from django.conf import settings

from retivo.api.errors import Problem, body_too_large

MAGIC = b"\x1f\x8b"


def gunzip(body: bytes) -> bytes:
    """What was gzipped; no more of it is inflated than a body may have.

    Raises:
        Problem: 413 if it is longer than that, 400 for a broken stream.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
            inflated = stream.read(settings.MAX_BODY_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Problem(400, "bad_request", "The body's gzip stream is broken.") from error
    if len(inflated) > settings.MAX_BODY_BYTES:
        raise body_too_large()
    return inflated
