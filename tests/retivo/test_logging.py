"""No API key reaches a log, whoever logs it and wherever in the record it stands."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

from tenants import keys
from tests.conftest import REPOSITORY

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
