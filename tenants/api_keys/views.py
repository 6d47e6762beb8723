"""Keys over HTTP, in each of the places where they are managed: each action is one call into a service."""

from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest
from rest_framework.decorators import action
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from retivo.api.errors import not_found
from retivo.api.json import Response
from retivo.api.serializers import StrictSerializer, sent_once
from tenants.access.authentication import note_use
from tenants.access.viewset import TenantViewSet
from tenants.api_keys import queries, schema, sealing, services
from tenants.api_keys.parties import Holder, Issuer
from tenants.api_keys.serializers import (
    ConfirmQuerySerializer,
    IssueRequestSerializer,
    KeyListQuerySerializer,
    RelabelRequestSerializer,
    RevokeAllRequestSerializer,
    RotateRequestSerializer,
)
from tenants.api_keys.services import IssuedKey
from tenants.models import Scope


def key_viewset(base: type[TenantViewSet], said: schema.Place) -> Any:
    """The viewset of a place, where `holder` says whose keys they are: the caller's own, unless the place has another.

    No body names a tenant.
    """

    class KeyViewSet(base):  # type: ignore[misc, valid-type]  # a class, which mypy takes for a variable
        lookup_url_kwarg = "key_id"
        lookup_value_converter = "any_uuid"

        def count(self, request: HttpRequest) -> None:
            """The use of the caller's key is noted before the request's transaction, where the note would lock its row.

            Two keys that change each other at the same time would wait for each other.
            """
            super().count(request)
            if request.method not in SAFE_METHODS:
                note_use(self.key)

        def holder(self) -> Holder:
            """Raises Problem 404 if it is not the caller's."""
            return Holder(tenant_id=self.caller.tenant_id)

        @property
        def issuer(self) -> Issuer:
            return Issuer.of(self.caller)

        @said.list
        def list(self, request: Request, **path: Any) -> Response:
            asked = _read(KeyListQuerySerializer, sent_once(request.query_params))
            holder = self.holder()
            return Response(
                queries.list_keys(tenant_id=holder.tenant_id, limit=asked["limit"], after=asked.get("cursor"))
            )

        @said.issue
        def create(self, request: Request, **path: Any) -> Response:
            def issue() -> tuple[int, Any]:
                body = _read(IssueRequestSerializer, request.data)
                encrypt_to = body.pop("encrypt_to", None)
                scopes = [Scope(scope) for scope in body.pop("scopes")]
                key = services.issue(by=self.issuer, of=self.holder(), scopes=scopes, **body)
                return 201, {"key": _issued(key, encrypt_to)}

            return cast("Response", self.once(request, issue))

        @said.get
        def retrieve(self, request: Request, key_id: UUID, **path: Any) -> Response:
            return Response({"key": _shown(self.holder(), key_id)})

        @said.relabel
        def partial_update(self, request: Request, key_id: UUID, **path: Any) -> Response:
            body, holder = _read(RelabelRequestSerializer, request.data), self.holder()
            if "label" in body:
                services.relabel(by=self.issuer, of=holder, key_id=key_id, label=body["label"])
            return Response({"key": _shown(holder, key_id)})

        @said.revoke
        def destroy(self, request: Request, key_id: UUID, **path: Any) -> Response:
            holder = self.holder()
            services.revoke(by=self.issuer, of=holder, key_id=key_id, confirmed=_is_confirmed(request))
            return Response({"key": _shown(holder, key_id)})

        @said.rotate
        @action(detail=True, methods=["post"])
        def rotate(self, request: Request, key_id: UUID, **path: Any) -> Response:
            def rotate() -> tuple[int, Any]:
                body, holder = _read(RotateRequestSerializer, request.data), self.holder()
                successor = services.rotate(
                    by=self.issuer,
                    of=holder,
                    key_id=key_id,
                    overlap=timedelta(hours=body["overlap_hours"]),
                    expires_at=body.get("expires_at"),
                )
                issued = _issued(successor, body.get("encrypt_to"))
                return 201, {"key": issued, "replaced": _shown(holder, key_id)}

            return cast("Response", self.once(request, rotate))

        @said.revoke_all
        @action(detail=False, methods=["post"], url_path="revoke-all")
        def revoke_all(self, request: Request, **path: Any) -> Response:
            def revoke() -> tuple[int, Any]:
                body = _read(RevokeAllRequestSerializer, request.data)
                revoked, new = services.revoke_all(
                    by=self.issuer, of=self.holder(), reissue=body["reissue"], confirmed=_is_confirmed(request)
                )
                return 200, {"revoked": revoked, "key": new and _issued(new, body.get("encrypt_to"))}

            return cast("Response", self.once(request, revoke))

    return KeyViewSet


OwnKeyViewSet = key_viewset(TenantViewSet, schema.OWN)


def _read(serializer: type[StrictSerializer], data: Any) -> dict[str, Any]:
    sent = serializer(data=data)
    sent.is_valid(raise_exception=True)
    return dict(sent.validated_data)


def _is_confirmed(request: Request) -> bool:
    return "confirm" in _read(ConfirmQuerySerializer, sent_once(request.query_params))


def _shown(holder: Holder, key_id: UUID) -> dict[str, Any]:
    shown = queries.show(key_id, tenant_id=holder.tenant_id)
    if shown is None:
        raise not_found()
    return shown


def _issued(key: IssuedKey, encrypt_to: str | None) -> dict[str, Any]:
    """With its text, which nothing else ever shows."""
    shown = _shown(Holder(tenant_id=key.record.tenant_id), key.record.id)
    if encrypt_to is None:
        return {**shown, "api_key": key.text}
    return {**shown, "api_key_sealed": sealing.seal(key.text, to=encrypt_to)}
