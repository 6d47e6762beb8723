"""Recommendations over HTTP."""

from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, cast

import msgspec
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from decisions.recommending import schema, services, situation
from decisions.recommending.serializers import RecommendRequestSerializer
from retivo.api.errors import Problem
from retivo.api.json import Response, decode, is_json
from tenants.access.authentication import Query
from tenants.access.view import TenantView


class _Plain(msgspec.Struct, forbid_unknown_fields=True):
    """A body as most are, which needs no serializer: this path carries load."""

    user_id: Annotated[str, msgspec.Meta(max_length=255)]
    dispatch: bool = False
    dry_run: bool = False


class _Wanted(NamedTuple):
    request: situation.Request
    dispatch: bool
    dry_run: bool


class RecommendView(TenantView):
    """What a decision goes by is asked in the statement that looks up the caller's key."""

    wanted: _Wanted | None = None

    def asked(self) -> Query | None:
        self.now = datetime.now(UTC)
        if not is_json(self.request):
            return None
        try:
            self.wanted = _wanted(decode(self.request.body))
        except (Problem, ValidationError):  # it is refused once we know who sent it
            return None
        return situation.query(self.wanted.request, self.now)

    @schema.recommend
    def post(self, request: Request) -> Response:
        data = None if self.wanted else request.data

        def recommend() -> tuple[int, Any]:
            wanted, dispatch, dry_run = self.wanted or _wanted(data)
            return 200, services.recommend(
                tenant_id=self.caller.tenant_id,
                request=wanted,
                dispatch=dispatch,
                dry_run=dry_run,
                now=self.now,
                row=cast("situation.Row | None", request.auth),
            )

        return self.once(request, recommend, about=lambda _: self.wanted and self.wanted.request.user_id)


def _wanted(data: Any) -> _Wanted:
    """Raises DRF's ValidationError with all that is wrong."""
    try:
        plain = msgspec.convert(data, _Plain)
        return _Wanted(situation.Request(user_id=plain.user_id), plain.dispatch, plain.dry_run)
    except msgspec.ValidationError:
        full = RecommendRequestSerializer(data=data)
        full.is_valid(raise_exception=True)
        return _Wanted(full.wanted, full.validated_data["dispatch"], full.validated_data["dry_run"])
