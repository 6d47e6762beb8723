"""What a key is told of itself, over HTTP."""

from typing import Any, cast

from rest_framework.request import Request

from retivo.api.json import Response
from tenants.access.authentication import Query
from tenants.access.view import OneStatementView
from tenants.me import schema, services


class MeView(OneStatementView):
    """Any key may ask, and is answered by one statement."""

    def query(self) -> Query:  # type: ignore[override]  # the path has no parameters
        return services.query()

    @schema.get_me
    def get(self, request: Request) -> Response:
        return Response(services.me(self.caller, cast("tuple[Any, ...]", self.answer)))
