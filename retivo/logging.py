"""Structured logs: one JSON object a line on stderr, each with the request id, none with an API key or a user's id."""

import logging
import logging.config
import re
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from django.http import HttpRequest

# Of an API key, or of an outcome URL.
_SECRET = re.compile(r"(rt_live_|rt_test_)[0-9A-Za-z]+|(eo_)[0-9A-Za-z_-]{72}")


def route_of(request: HttpRequest) -> str | None:
    """The path's pattern: a path may name a user. None where none fits, for then nobody knows what it names."""
    match = request.resolver_match
    return None if match is None else f"/{match.route}"


def request_id() -> str:
    """The id of the request that is being answered or of the job that is being done; empty where it is neither."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def bind_request(request_id: str, *, is_ours: bool, address: str | None) -> None:
    """Begin what is said of a request in all its lines."""
    _id_of_ours.set(request_id if is_ours else "")
    told = {} if address is None else {"address": address}
    structlog.contextvars.bind_contextvars(request_id=request_id, **told)


def request_id_of_ours() -> str:
    """As `request_id`, but empty if the caller chose the id: it may hold a user's, and erasure would not find that."""
    return _id_of_ours.get()


_id_of_ours: ContextVar[str] = ContextVar("retivo_request_id_of_ours", default="")


def caller_address() -> str | None:
    """Where the request that is being answered came from; None where that is not known, or none is."""
    return structlog.contextvars.get_contextvars().get("address")


_requests = logging.getLogger("retivo.request")


def log_request(*, method: str | None, route: str | None, status: int, ms: float) -> None:
    """Log that a request was answered: the line that structlog would make, without its steps. Each request has one."""
    if _requests.isEnabledFor(logging.INFO):
        line = {
            "method": method,
            "route": route,
            "status": status,
            "ms": ms,
            "event": "request",
            **structlog.contextvars.get_contextvars(),
            "level": "info",
            "logger": _requests.name,
            "timestamp": datetime.now(UTC),
        }
        sys.stderr.write(_redacted(line) + "\n")


class RouteForPath(logging.Filter):
    """Django's own record of an answer says reason and path."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        if isinstance(request, HttpRequest) and isinstance(record.args, tuple):
            record.args = (*record.args[:-1], route_of(request))
        return True


def _to_json(event: MutableMapping[str, Any], **_options: Any) -> str:
    """Whatever is logged, tracebacks included, no key or token is: the last net below code that never logs one."""
    plain = {name: each if isinstance(each, str | int | float | None) else str(each) for name, each in event.items()}
    return _redacted(plain)


def _redacted(plain: MutableMapping[str, Any]) -> str:
    return _SECRET.sub(r"\1\2[redacted]", msgspec.json.encode(plain).decode())


def configure(config: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG hook; `config` is `{"level": …}`."""
    # Of what a line does not say, nothing need be found out: https://docs.python.org/3/howto/logging.html#optimization
    logging._srcfile = None
    # gunicorn's own lines say which process it is.
    logging.logThreads = logging.logMultiprocessing = False
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.JSONRenderer(serializer=_to_json),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [*shared, structlog.stdlib.PositionalArgumentsFormatter()],
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(serializer=_to_json),
        ],
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"route_for_path": {"()": RouteForPath}},
            "formatters": {"json": renderer, "plain": {"format": "%(message)s"}},
            "handlers": {
                "json": {"class": "logging.StreamHandler", "formatter": "json"},
                "rendered": {"class": "logging.StreamHandler", "formatter": "plain"},
            },
            "root": {"handlers": ["json"], "level": config["level"]},
            "loggers": {
                # structlog has rendered these already.
                "retivo": {"handlers": ["rendered"], "level": config["level"], "propagate": False},
                # Answered 4xx and logged by the request line already.
                "django.request": {"level": "ERROR", "filters": ["route_for_path"]},
                # Its lines on logins say less than tenants.accounts.logins does.
                "axes": {"level": "ERROR"},
                # Every look for a job is a line otherwise.
                "procrastinate": {"level": "WARNING"},
            },
        }
    )
