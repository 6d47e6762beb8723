"""One question to the provider, whose answer has bounds: a time for all of it, and a size."""

import time
from typing import Any

import requests
from django.conf import settings

# What a provider sends is a few KiB.
MOST_BYTES = 256 * 1024


class AnswerError(requests.RequestException):
    """It is too long, takes too long, or is another than 200."""


def ask(method: str, url: str, **options: Any) -> str:
    """The body of the answer. It leads nowhere else: a redirect is no answer.

    Raises:
        requests.RequestException: there is none, or it is an AnswerError.
    """
    deadline = time.monotonic() + settings.OIDC_TIMEOUT
    # As it stands on the wire: a few bytes that unpack to gigabytes are no JSON.
    headers = {"Accept-Encoding": "identity"} | options.pop("headers", {})
    body = bytearray()
    with requests.request(
        method, url, headers=headers, timeout=settings.OIDC_TIMEOUT, allow_redirects=False, stream=True, **options
    ) as answer:
        if answer.status_code != 200:
            raise AnswerError(f"status {answer.status_code}")
        # Not the library's way, which waits for a whole piece as long as now and then a byte comes.
        while part := answer.raw.read1(8192, decode_content=False):
            body += part
            if len(body) > MOST_BYTES:
                raise AnswerError(f"more than {MOST_BYTES} bytes")
            if time.monotonic() > deadline:
                raise AnswerError("too slow")
    return body.decode()
