"""Requests without TLS, each over a connection of its own, as httpx's functions of the same names send them.

Those read all certificates of the system for each request, which takes far longer than most answers.
"""

from functools import partial
from typing import Any

import httpx


def request(method: str, url: str, **options: Any) -> httpx.Response:
    return httpx.request(method, url, verify=False, trust_env=False, **options)


get = partial(request, "GET")
head = partial(request, "HEAD")
post = partial(request, "POST")
