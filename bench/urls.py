"""Everything the service has, and what it is measured against."""

from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from retivo.api.json import JSONOnly


class HelloView(APIView):
    """DRF at its barest: nothing authenticated, nothing looked up, the same middleware and renderer."""

    authentication_classes: list[type] = []
    permission_classes: list[type] = []
    content_negotiation_class = JSONOnly

    def get(self, request: Request) -> Response:
        return Response({"hello": "world"})


urlpatterns = [path("bench/hello", HelloView.as_view()), path("", include("retivo.urls"))]
