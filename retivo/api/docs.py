"""The API's description, for programs and for people."""

# drf-spectacular says that it is typed, and is in part.
# mypy: disable-error-code="no-untyped-call"

from functools import cache

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from retivo.api.json import JSONOnly, encode


class SchemaView(APIView):
    authentication_classes: list[type] = []
    permission_classes: list[type] = []
    content_negotiation_class = JSONOnly

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(_schema())


class DocsView(SpectacularSwaggerView):
    authentication_classes: list[type] = []
    permission_classes: list[type] = []
    content_negotiation_class = JSONOnly  # that is: HTML, whatever `Accept` says
    http_method_names = ["get", "head"]  # what DRF answers to OPTIONS is no page


@cache
def _schema() -> bytes:
    """Made once a process: it takes a good part of a second, and anyone may ask."""
    return encode(SchemaGenerator().get_schema(public=True))
