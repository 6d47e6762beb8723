"""No API key reaches a log, whoever logs it and wherever in the record it stands; nor does what a path names."""

import json
import logging
import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings
from django.test import RequestFactory
from django.urls import resolve
from django.utils.log import log_response

from retivo.api.errors import handler500
from tenants.access import keys
from tests import plain_http
from tests.conftest import REPOSITORY, Api, Server

LOG = """
import logging, sys
import django, structlog
django.setup()
key = sys.argv[1]
structlog.get_logger("retivo.request").info("request", path=f"/x/{key}", nested={"headers": [key]})
logging.getLogger("somewhere").warning("key %s", key)
try:
    raise ValueError(key)
except ValueError:
    logging.getLogger("somewhere").exception("failed")
"""


@pytest.mark.no_database
def test_logs__a_key_in_message_argument_or_traceback__is_redacted() -> None:
    key = keys.generate()
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "retivo.settings",
        "RETIVO_DEVELOPMENT": "1",
        "SECRET_KEY": settings.SECRET_KEY,
        "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
    }

    done = subprocess.run(
        [sys.executable, "-c", LOG, key], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )

    assert done.stderr.count("rt_live_[redacted]") >= 4
    assert key[8:] not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/api/customers/ada@example.com", "/api/customers/<user_id:user_id>"),
        ("/api/partners/stats?q=ada@example.com", "/api/partners/stats"),
        ("/api/customer/ada@example.com", None),
    ],
)
def test_request__whose_path_may_name_a_user__is_logged_by_its_route(
    acme: Api, server: Server, path: str, route: str | None
) -> None:
    before = server.log.stat().st_size

    answer = plain_http.get(server.url + path, headers={"Authorization": f"Bearer {acme.key}"})
    request_id = answer.headers["X-Request-Id"]

    written = server.log.read_text()[before:]
    (line,) = [line for line in map(json.loads, written.splitlines()) if line["request_id"] == request_id]
    assert line["route"] == route
    assert "ada@" not in written


@pytest.mark.no_database
def test_failure__as_django_logs_it__is_logged_by_its_route(caplog: Any) -> None:
    request = RequestFactory().get("/api/customers/ada@example.com")
    request.resolver_match = resolve(request.path)

    with caplog.at_level(logging.ERROR, "django.request"):
        log_response("%s: %s", "Internal Server Error", request.path, response=handler500(request), request=request)

    assert caplog.messages == ["Internal Server Error: /api/customers/<user_id:user_id>"]
