"""The API's description, for programs and for people."""

# drf-spectacular says that it is typed, and is in part.
# mypy: disable-error-code="no-untyped-call"

import threading
from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from retivo.api import places
from retivo.api.content_policy import content_policy
from retivo.api.json import JSONOnly, encode

_PARTY = "pages without a key"


class OpenView(APIView):
    """What needs no key. All such pages together have one share of the threads, unless a view knows whom it serves."""

    authentication_classes: list[type] = []
    permission_classes: list[type] = []
    content_negotiation_class = JSONOnly

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        detail = "Too many requests without a key are being answered at once. Try again in a moment."
        places.take(self.parties(**kwargs), detail)
        super().initial(request, *args, **kwargs)

    def parties(self, **path: Any) -> Mapping[Hashable, int]:
        """Whom the request is counted for, and how many threads each may have."""
        return {_PARTY: settings.OPEN_PAGES_THREADS}


class SchemaView(OpenView):
    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(_schema())


class DocsView(OpenView, SpectacularSwaggerSplitView):  # HTML, whatever `Accept` says: it renders nothing else
    http_method_names = ["get", "head"]  # what DRF answers to OPTIONS is no page

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {**super().default_response_headers, "Content-Security-Policy": _policy()}


@cache
def _policy() -> str:
    return content_policy(render_to_string(DocsView.template_name, {"script_url": "in a file of its own"}))


_making = threading.Lock()


def _schema() -> bytes:
    """Made once a process: it takes a good part of a second, and anyone may ask."""
    with _making:  # who asks meanwhile waits for it, instead of making another
        return _made()


@cache
def _made() -> bytes:
    return encode(SchemaGenerator().get_schema(public=True))
