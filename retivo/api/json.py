"""JSON in and out, by msgspec: strict on the way in, fast on the way out."""

from collections.abc import Mapping
from typing import IO, Any

import msgspec
from django.conf import settings
from django.http import HttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from retivo.api.errors import FieldError, Problem, escape_pointer

MAX_DEPTH = 32
MIN_NUMBER, MAX_NUMBER = -(2**63), 2**63 - 1

encode = msgspec.json.Encoder().encode


class JSONParser(BaseParser):
    """Reads a body of UTF-8 JSON that PostgreSQL can store and other languages can read.

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
        data = msgspec.json.decode(body)
    except RecursionError as error:
        raise _too_deep("") from error
    except msgspec.MsgspecError as error:
        raise Problem(400, "malformed_json", f"The body is not valid JSON: {error}.") from error
    except UnicodeDecodeError as error:
        raise Problem(400, "malformed_json", "The body is not valid UTF-8.") from error
    _refuse_unstorable(data)
    return data


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


def _refuse_unstorable(data: Any) -> None:
    """Walk without recursion: the depth is the caller's to choose."""
    pending: list[tuple[str, int, Any]] = [("", 0, data)]
    while pending:
        pointer, depth, value = pending.pop()
        if isinstance(value, str):
            if "\0" in value:
                raise _field(pointer, "nul_character", "Text must not contain NUL characters.")
        elif isinstance(value, dict | list):
            if depth >= MAX_DEPTH:
                raise _too_deep(pointer)
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in items:
                if isinstance(key, str) and "\0" in key:
                    raise _field(pointer, "nul_character", "Names must not contain NUL characters.")
                pending.append((f"{pointer}/{escape_pointer(key)}", depth + 1, item))
        elif isinstance(value, int | float) and not MIN_NUMBER <= value <= MAX_NUMBER:
            # Not integers alone: to JSON Schema and to other languages 1e300 is one.
            raise _field(pointer, "number_out_of_range", "Numbers must lie between -2^63 and 2^63 - 1.")


def _too_deep(pointer: str) -> Problem:
    return _field(pointer, "nested_too_deep", f"The body may nest at most {MAX_DEPTH} levels deep.")


def _field(pointer: str, code: str, detail: str) -> Problem:
    return Problem(400, code, detail, errors=[FieldError(pointer=pointer[:200], code=code, detail=detail)])
