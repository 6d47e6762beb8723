"""JSON in and out, by msgspec: strict on the way in, fast on the way out."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.http import HttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from retivo.api import values
from retivo.api.errors import MAX_TEXT, FieldError, Problem

encode = values.encode


class JSONParser(BaseParser):
    """Reads a body of JSON by `retivo.api.values`.

    Raises:
        Problem: 400 with the pointer to what is malformed, nested too deep, out of range or holds a NUL.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return decode(stream.read(settings.MAX_BODY_BYTES + 1))


def decode(body: bytes) -> Any:
    try:
        return values.decode(body)
    except values.UnacceptableError as error:
        pointer, code, detail = error.fault
        raise Problem(
            400, code, detail, errors=[FieldError(pointer=pointer[:MAX_TEXT], code=code, detail=detail)]
        ) from error


class JSONRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        return data if isinstance(data, bytes) else encode(data)


class Response(HttpResponse):
    """JSON: `data` encoded, or as it is where it is bytes already."""

    def __init__(self, data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        body = data if isinstance(data, bytes) else encode(data)
        super().__init__(body, status=status, headers=headers and dict(headers), content_type="application/json")


def media_type_of(request: Request) -> str:
    return request.content_type.partition(";")[0].strip().lower()


def is_json(request: Request) -> bool:
    """Whether the request says that its body is JSON."""
    return media_type_of(request) == JSONParser.media_type


class JSONOnly(BaseContentNegotiation):
    """Answers are JSON whatever `Accept` says; a browser that asks for HTML gets them too."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        media_type = media_type_of(request)
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type
