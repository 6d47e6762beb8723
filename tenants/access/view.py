"""The view that every authenticated endpoint is made of: one request, one transaction, one tenant context."""

from collections.abc import Callable
from typing import Any, cast

from django.db import InterfaceError, OperationalError, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from retivo.api.errors import Problem
from retivo.api.json import JSONOnly, encode
from tenants.access import idempotency, rate_limit, shares
from tenants.access.authentication import (
    ApiKeyAuthentication,
    Caller,
    Query,
    SentKey,
    bearer_text,
    caller_of,
    read_key,
)
from tenants.models import Scope


class HasScope(BasePermission):
    """The key holds the view's `required_scope`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        scope: Scope = view.required_scope  # type: ignore[attr-defined]
        if scope not in caller_of(request).scopes:
            code = f"{scope}_scope_required"
            raise Problem(403, code, f"This API key does not hold the `{scope}` permission.")
        return True


class TenantView(APIView):
    """Takes a place among the threads, authenticates, sets the tenant context and commits after a success.

    After anything else it rolls back. Neither a transaction nor a connection is begun before there is a place.
    """

    # The key as it was sent, or nothing. Another view may find it elsewhere.
    key_text: Callable[[HttpRequest], str] = staticmethod(bearer_text)
    key: SentKey | None = None
    known: shares.Known | None = None  # of this key, from an earlier request
    required_scope: Scope = Scope.FULL
    permission_classes = [HasScope]
    content_negotiation_class = JSONOnly

    @property
    def caller(self) -> Caller:
        return caller_of(self.request)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            self.key = read_key(self.key_text(request))
            self.known = shares.enter(self.key.digest)
        except Problem as problem:
            self.headers = self.default_response_headers
            return self.finalize_response(cast("Request", request), self.handle_exception(problem))
        return self.answered(request, *args, **kwargs)

    def answered(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The answer to a request that has a place."""
        try:
            with transaction.atomic(durable=True):
                response = super().dispatch(request, *args, **kwargs)
                if response.status_code >= 400:
                    transaction.set_rollback(True)
        except (OperationalError, InterfaceError) as error:  # at COMMIT, or with no connection to BEGIN on
            response = self.handle_exception(error)
        return response

    @property
    def default_response_headers(self) -> dict[str, str]:
        # A key may stand in the query, for Mixpanel's SDK, where caches do not see that the answer is one caller's.
        return {**super().default_response_headers, "Cache-Control": "no-store"}

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [ApiKeyAuthentication(key=self.key)]

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        if self.key is not None and self.known is None:
            shares.learn(self.key.digest, shares.Known(self.caller.key_id, self.caller.tenant_id))
        # Before permissions: what a key may not do counts, too.
        quota = rate_limit.noted(request._request) or rate_limit.spend(str(self.caller.key_id))
        self.headers.update(quota.headers)

    def once(
        self,
        request: Request,
        work: Callable[[], tuple[int, Any]],
        *,
        about: Callable[[Any], str | None] = lambda data: None,
    ) -> Response:
        """Answer with `work()`'s status and body, at most once for an `Idempotency-Key`.

        Args:
            about: of `work()`'s body the id of the user whose data it holds; erasing the user deletes what is stored.
        """
        claim = idempotency.claim(request, tenant_id=self.caller.tenant_id)
        if isinstance(claim, idempotency.Answer):
            return Response(claim.body, status=claim.status, headers={"Idempotency-Replayed": "true"})
        status, data = work()
        body = encode(data)
        if claim is not None:
            idempotency.store(claim, idempotency.Answer(status=status, body=body), about=about(data))
        return Response(body, status=status)


_READS = ("GET", "HEAD")


class OneStatementView(TenantView):
    """A view whose GET is one statement: the look-up of the key with the view's query behind it, in one round trip.

    A statement is a transaction of its own, so the tenant context lasts exactly as long as the query. Other methods
    are as in any `TenantView`.
    """

    def query(self, **path: Any) -> Query:
        """What to ask; the answer is `self.answer`."""
        raise NotImplementedError

    @property
    def answer(self) -> tuple[Any, ...] | None:
        return cast("tuple[Any, ...] | None", self.request.auth)

    def get_authenticators(self) -> list[BaseAuthentication]:
        # drf-spectacular asks for them too, of a view without a request.
        asks = self.kwargs and self.request.method in _READS
        return [ApiKeyAuthentication(self.query(**self.kwargs) if asks else None, self.key)]

    def answered(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method in _READS:
            return APIView.dispatch(self, request, *args, **kwargs)
        return super().answered(request, *args, **kwargs)
