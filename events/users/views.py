"""A tenant's end users: each endpoint one call into a service."""

from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from events.users import exporting, schema, services
from events.users.serializers import UserListQuerySerializer, UserPatchSerializer, UserRequestSerializer
from retivo.api.errors import not_found
from retivo.api.json import Response
from retivo.api.serializers import sent_once
from tenants.access.authentication import Query, key_context
from tenants.access.view import OneStatementView, TenantView


class UsersView(TenantView):
    @schema.list_users
    def get(self, request: Request) -> Response:
        query = UserListQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        return Response(services.list_users(tenant_id=self.caller.tenant_id, **query.asked))

    @schema.save_user
    def post(self, request: Request) -> Response:
        def save() -> tuple[int, Any]:
            body = UserRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            user, is_new = services.save_user(tenant_id=self.caller.tenant_id, **body.validated_data)
            return 201 if is_new else 200, {"user": user}

        return self.once(request, save, about=lambda answer: answer["user"].id)


class UserView(OneStatementView):
    def query(self, *, user_id: str) -> Query:  # type: ignore[override]  # the path's own parameters
        return services.user_query(user_id)

    @schema.get_user
    def get(self, request: Request, user_id: str) -> Response:
        return Response({"customer": services.user_detail(self.answer)})

    @schema.change_user
    def patch(self, request: Request, user_id: str) -> Response:
        body = UserPatchSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user = services.change_user(tenant_id=self.caller.tenant_id, user_id=user_id, **body.validated_data)
        return Response({"customer": user})

    @schema.erase_user
    def delete(self, request: Request, user_id: str) -> Response:
        existed = services.erase_user(actor=self.caller.actor, tenant_id=self.caller.tenant_id, user_id=user_id)
        if not existed and user_id.endswith("/"):  # a slip: the caller must not believe that somebody else is gone
            raise not_found()
        return Response({"erased": True, "existed": existed})


class UserExportView(TenantView):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """What is no GET is for the user whose id ends with `/export`."""
        if request.method in ("GET", "HEAD"):
            return super().dispatch(request, *args, **kwargs)
        return UserView.as_view()(request, user_id=f"{kwargs['user_id']}/export")

    @schema.export_user
    def get(self, request: Request, user_id: str) -> StreamingHttpResponse:
        pieces = exporting.export(tenant_id=self.caller.tenant_id, context=key_context(self.key), user_id=user_id)
        return StreamingHttpResponse(pieces, content_type="application/json")


class UserStatsView(TenantView):
    @schema.get_user_stats
    def get(self, request: Request) -> Response:
        return Response({"stats": services.user_stats(tenant_id=self.caller.tenant_id)})
