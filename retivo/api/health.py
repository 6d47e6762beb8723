"""GET /api/health: whether this process can do its work."""

import time
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from retivo.api.json import JSONOnly

_STARTED = time.monotonic()


class HealthView(APIView):
    authentication_classes: list[type] = []
    permission_classes: list[type] = []
    content_negotiation_class = JSONOnly

    def get(self, request: Request) -> Response:
        """Health of this process and its database."""
        checks = {"database": _check_database()}
        healthy = all(check["status"] == "ok" for check in checks.values())
        return Response(
            {
                "status": "ok" if healthy else "degraded",
                "checks": checks,
                "version": settings.VERSION,
                "uptime_seconds": int(time.monotonic() - _STARTED),
            },
            status=200 if healthy else 503,
        )


def _check_database() -> dict[str, Any]:
    started = time.perf_counter()
    outcome: dict[str, Any] = {"status": "ok"}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        # The class alone: the message may name hosts and users.
        outcome = {"status": "error", "error": type(error).__name__}
    return {**outcome, "latency_ms": round((time.perf_counter() - started) * 1000, 2)}
