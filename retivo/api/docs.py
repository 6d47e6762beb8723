"""The API's description, for programs and for people."""

# drf-spectacular says that it is typed, and is in part.
# mypy: disable-error-code="no-untyped-call"

import threading
from functools import cache
from typing import Any

from django.conf import settings
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from retivo.api import places
from retivo.api.json import JSONOnly, encode

_PARTY = "pages without a key"


class OpenView(APIView):
    """What anyone may read, without a key. All such pages together have one share of the threads."""

    authentication_classes: list[type] = []
    permission_classes: list[type] = []
    content_negotiation_class = JSONOnly

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        detail = "Too many pages are being loaded at once. Try again in a moment."
        places.take({_PARTY: settings.OPEN_PAGES_THREADS}, detail)
        super().initial(request, *args, **kwargs)


class SchemaView(OpenView):
    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(_schema())


class DocsView(OpenView, SpectacularSwaggerView):  # HTML, whatever `Accept` says: it renders nothing else
    http_method_names = ["get", "head"]  # what DRF answers to OPTIONS is no page


_making = threading.Lock()


def _schema() -> bytes:
    """Made once a process: it takes a good part of a second, and anyone may ask."""
    with _making:  # who asks meanwhile waits for it, instead of making another
        return _made()


@cache
def _made() -> bytes:
    return encode(SchemaGenerator().get_schema(public=True))
