"""GET /api/health: whether this process can do its work."""

import time
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from retivo.api.json import JSONOnly

_STARTED = time.monotonic()


class CheckSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["ok", "error"])
    latency_ms = serializers.FloatField(min_value=0)
    error = serializers.CharField(required=False, help_text="The kind of failure.")


class HealthSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["ok", "degraded"])
    checks = serializers.DictField(child=CheckSerializer(), help_text="By name, such as `database`.")
    version = serializers.CharField()
    uptime_seconds = serializers.IntegerField(min_value=0, help_text="Of the process that answers.")


_HEALTHY = {
    "status": "ok",
    "checks": {"database": {"status": "ok", "latency_ms": 0.42}},
    "version": settings.VERSION,
    "uptime_seconds": 3600,
}
_DEGRADED = {
    **_HEALTHY,
    "status": "degraded",
    "checks": {"database": {"status": "error", "error": "OperationalError", "latency_ms": 10000.3}},
}


class HealthView(APIView):
    authentication_classes: list[type] = []
    permission_classes: list[type] = []
    content_negotiation_class = JSONOnly

    @extend_schema(
        operation_id="getHealth",
        summary="Health",
        description="Whether the process that answers can do its work. Needs no key.",
        tags=["Service"],
        responses={
            200: OpenApiResponse(HealthSerializer, "All is well.", [OpenApiExample("Success", _HEALTHY)]),
            503: OpenApiResponse(HealthSerializer, "A check fails.", [OpenApiExample("Degraded", _DEGRADED)]),
        },
    )
    def get(self, request: Request) -> Response:
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
