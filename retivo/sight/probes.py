"""Whether this process lives, can serve, and has all that serving needs: for balancers, supervisors and monitors.

None needs a key, tells of a tenant, or waits for a database that does not answer.
"""

import pkgutil
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import psycopg
from django.apps import apps
from django.conf import settings
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from retivo.api.json import JSONOnly
from retivo.database.reading import PatientConnection, Reading
from tenants.upkeep import workers

_STARTED = time.monotonic()

ANSWER_SECONDS = 0.9
_KEPT_SECONDS = 1.0

Check = dict[str, Any]


# --- What the database is asked -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _State:
    latency_ms: float
    schema: str  # what is wrong with it; nothing where it is empty
    worker: str


def _ask(connection: PatientConnection) -> _State:
    started = time.perf_counter()
    connection.execute("SELECT 1")
    latency_ms = round((time.perf_counter() - started) * 1000, 2)
    return _State(
        latency_ms=latency_ms, schema=_unless_refused(connection, _schema), worker=_unless_refused(connection, _worker)
    )


def _unless_refused(connection: PatientConnection, check: Any) -> str:
    try:
        with connection.transaction():
            found: str = check(connection)
    except psycopg.Error as error:
        # The class alone: the message may name hosts and users.
        return type(error).__name__
    return found


def _schema(connection: PatientConnection) -> str:
    """A newer schema is fine: the release before runs on it."""
    missing = pending_migrations(connection)
    return f"{len(missing)} migrations are pending, the first is {missing[0]}." if missing else ""


def _worker(connection: PatientConnection) -> str:
    found = workers.alive(connection)
    if found.count:
        return ""
    if found.silent_seconds is None:
        return "No worker was seen within the last hour."
    return f"No worker was seen for {int(found.silent_seconds)} seconds."


def pending_migrations(connection: PatientConnection) -> list[str]:
    """Those of this code that the database has not, as `app.name`."""
    applied = {f"{app}.{name}" for app, name in connection.execute("SELECT app, name FROM django_migrations")}
    return sorted(_migrations() - applied)


@cache
def _migrations() -> frozenset[str]:
    """Of all apps, by their files: importing them would cost every process a second."""
    return frozenset(
        f"{app.label}.{module.name}"
        for app in apps.get_app_configs()
        for module in pkgutil.iter_modules([f"{app.path}/migrations"])
        if module.name[0] not in "_~"
    )


_state = Reading(_ask, seconds=ANSWER_SECONDS, kept_seconds=_KEPT_SECONDS)


def _checks(*also: str) -> dict[str, Check]:
    """The database's check, and of those that ask it `also`."""
    started = time.perf_counter()
    try:
        state = _state.get()
    except (psycopg.Error, TimeoutError) as error:
        waited = round((time.perf_counter() - started) * 1000, 2)
        database = {"status": "error", "error": type(error).__name__, "latency_ms": waited}
        unknown = {"status": "error", "error": "unknown", "latency_ms": waited}
        return {"database": database} | dict.fromkeys(also, unknown)
    checks: dict[str, Check] = {"database": {"status": "ok", "latency_ms": state.latency_ms}}
    for name in also:
        fault = getattr(state, name)
        checks[name] = ({"status": "error", "error": fault} if fault else {"status": "ok"}) | {
            "latency_ms": state.latency_ms
        }
    return checks


# --- Answers --------------------------------------------------------------------------------------------------------


class CheckSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["ok", "error"])
    latency_ms = serializers.FloatField(min_value=0)
    error = serializers.CharField(required=False, help_text="The kind of failure, or what is missing.")


class LifeSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["ok"])
    version = serializers.CharField()
    uptime_seconds = serializers.IntegerField(min_value=0, help_text="Of the process that answers.")


class HealthSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["ok", "degraded"])
    checks = serializers.DictField(child=CheckSerializer(), help_text="By name, such as `database`.")
    version = serializers.CharField()
    uptime_seconds = serializers.IntegerField(min_value=0, help_text="Of the process that answers.")


_LIVE = {"status": "ok", "version": settings.VERSION, "uptime_seconds": 3600}
_OK = {"status": "ok", "latency_ms": 0.42}
_SILENT = {"status": "error", "error": "TimeoutError", "latency_ms": 900.3}
_NO_WORKER = {"status": "error", "error": "No worker was seen for 75 seconds.", "latency_ms": 0.42}


class _Probe(APIView):
    authentication_classes: list[type] = []
    permission_classes: list[type] = []
    content_negotiation_class = JSONOnly

    def answer(self, checks: dict[str, Check]) -> Response:
        healthy = all(check["status"] == "ok" for check in checks.values())
        body = {"status": "ok" if healthy else "degraded", "checks": checks, **_process()}
        return Response(body, status=200 if healthy else 503)


class LivezView(_Probe):
    @extend_schema(
        operation_id="getLiveness",
        summary="Liveness",
        description=(
            "Whether the process answers at all; a supervisor restarts one that does not. Asks no database and needs "
            "no key."
        ),
        tags=["Service"],
        responses={200: OpenApiResponse(LifeSerializer, "It does.", [OpenApiExample("Success", _LIVE)])},
    )
    def get(self, request: Request) -> Response:
        return Response({"status": "ok", **_process()})


class ReadyzView(_Probe):
    @extend_schema(
        operation_id="getReadiness",
        summary="Readiness",
        description=(
            "Whether all that serving needs is there: the database answers, no migration of this release is pending, "
            "and a worker was seen within the last minute. Needs no key and answers within a second."
        ),
        tags=["Service"],
        responses={
            200: OpenApiResponse(
                HealthSerializer,
                "All is there.",
                [OpenApiExample("Success", {**_LIVE, "checks": dict.fromkeys(["database", "schema", "worker"], _OK)})],
            ),
            503: OpenApiResponse(
                HealthSerializer,
                "Something is missing.",
                [
                    OpenApiExample(
                        "No worker",
                        {
                            **_LIVE,
                            "status": "degraded",
                            "checks": {"database": _OK, "schema": _OK, "worker": _NO_WORKER},
                        },
                    )
                ],
            ),
        },
    )
    def get(self, request: Request) -> Response:
        return self.answer(_checks("schema", "worker"))


class HealthView(_Probe):
    @extend_schema(
        operation_id="getHealth",
        summary="Health",
        description=(
            "Whether the process that answers can do its work: the database answers. A balancer sends requests to one "
            "that can. Needs no key and answers within a second."
        ),
        tags=["Service"],
        responses={
            200: OpenApiResponse(
                HealthSerializer, "It can.", [OpenApiExample("Success", {**_LIVE, "checks": {"database": _OK}})]
            ),
            503: OpenApiResponse(
                HealthSerializer,
                "A check fails.",
                [OpenApiExample("Degraded", {**_LIVE, "status": "degraded", "checks": {"database": _SILENT}})],
            ),
        },
    )
    def get(self, request: Request) -> Response:
        return self.answer(_checks())


def _process() -> dict[str, Any]:
    return {"version": settings.VERSION, "uptime_seconds": int(time.monotonic() - _STARTED)}
