"""What gunicorn answers by itself to a request that it cannot read: the same problem as everywhere, not its HTML."""

import http
import socket
import uuid

import msgspec
import structlog
from gunicorn import util

from retivo.api.errors import CONTENT_TYPE, Problem

log = structlog.get_logger("retivo.request")


def write_problem(sock: socket.socket, status: int, _reason: str, message: str) -> None:
    """In the place of `gunicorn.util.write_error`; the connection ends with it."""
    problem = (
        Problem(status, "bad_request", f"The request cannot be read: {message}")
        if message
        else Problem(500, "internal_error", "Something failed on our side.")
    )
    request_id = uuid.uuid4().hex
    body = msgspec.json.encode(problem.body(request_id))
    head = (
        f"HTTP/1.1 {problem.status} {http.HTTPStatus(problem.status).phrase}\r\nConnection: close\r\n"
        f"Content-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\nX-Request-Id: {request_id}\r\n\r\n"
    )
    # Not what was sent: a request line may name a user, or hold a key.
    log.info("unreadable_request", status=problem.status, request_id=request_id)
    util.write_nonblock(sock, head.encode("ascii") + body)
