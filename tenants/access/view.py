"""The view that every authenticated endpoint is made of: one request, one transaction, one tenant context."""

from collections.abc import Callable, Collection, Iterable
from typing import Any, cast

from django.db import InterfaceError, OperationalError, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.metadata import SimpleMetadata
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from retivo.api.errors import Problem, as_problem, problem_response
from retivo.api.json import JSONOnly, JSONParser, Response, encode
from tenants.access import idempotency, rate_limit, shares
from tenants.access.authentication import (
    Caller,
    Query,
    bearer_text,
    caller_of,
    look_up,
    note_use,
    read_key,
)
from tenants.models import Scope


class HasScope(BasePermission):
    """The key holds the scope that the operation declares (`retivo.api.operation`)."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        scope: Scope | None = getattr(view.handler, "scope", None)  # type: ignore[attr-defined]
        if scope is not None and scope not in caller_of(request).scopes:
            raise _lacks(scope, caller_of(request))
        return True


def _lacks(scope: Scope, caller: Caller) -> Problem:
    """Of a family of which the key holds nothing, its whole is named."""
    missing = {"required_scope": scope}
    if not any(held.family is scope.family for held in caller.scopes):
        detail = f"This API key does not hold the `{scope.family}` permission."
        return Problem(403, f"{scope.family}_scope_required", detail, extra=missing)
    return Problem(403, "insufficient_scope", f"This API key does not hold the scope `{scope}`.", extra=missing)


def allowed(methods: Iterable[str]) -> str:
    """The header `Allow` of a view that has these methods, in lower case; HEAD comes with GET."""
    has = {*methods, "options"}
    return ", ".join(name for name in APIView.http_method_names if ("get" if name == "head" else name) in has).upper()


_PARSERS = [JSONParser()]
_NEGOTIATOR = JSONOnly()


class TenantView(APIView):
    """Takes a place among the threads, authenticates, sets the tenant context and commits after a success.

    After anything else it rolls back. Neither a transaction nor a connection is begun before there is a place.

    DRF's own dispatch is not used: it makes negotiators, parsers, renderers and a template's response for each request,
    of which each request here needs the same.
    """

    # The key as it was sent, or nothing. Another view may find it elsewhere.
    key_text: Callable[[HttpRequest], str] = staticmethod(bearer_text)
    key: bytes  # its digest
    notes_use = False  # the request's transaction has the note that the key was used
    known: shares.Known | None  # of this key, from an earlier request
    permission_classes = [HasScope]
    handler: Callable[..., Any] | None = None  # what answers the request's method
    allow: str  # the methods that the view has, as the header lists them

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.allow = allowed(name for name in cls.http_method_names if hasattr(cls, name))

    @property
    def caller(self) -> Caller:
        return caller_of(self.request)

    def asked(self) -> Query | None:
        """What to ask in the statement that looks up the key; the answer is `request.auth`."""
        return None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # A key may stand in the query, for Mixpanel's SDK, where caches do not see that the answer is one caller's.
        self.headers = {"Allow": self.allow, "Cache-Control": "no-store"}
        try:
            self.key = read_key(self.key_text(request))
            self.known = shares.enter(self.key)
            self.count(request)
        except Problem as problem:
            return self.finished(problem_response(request, problem))
        except (OperationalError, InterfaceError) as error:
            return self.finished(problem_response(request, cast("Problem", as_problem(error))))
        return self.answered(request, *args, **kwargs)

    def count(self, request: HttpRequest) -> None:
        """Count the request before its transaction begins: also what the key may not do, and what comes to nothing.

        Raises:
            Problem: 429 if the tenant's or the key's limit is used up; what authentication says of a key that has
                become invalid, for its use is noted then, too.
        """
        try:
            self.headers |= rate_limit.headers(rate_limit.spend(request, self.key, self.known))
        except rate_limit.Exceeded:
            look_up(self.key).caller()
            raise

    def answered(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The answer to a request that has a place."""
        try:
            with transaction.atomic(durable=True):
                response = self.respond(request, *args, **kwargs)
                if response.status_code >= 400:
                    transaction.set_rollback(True)
            if self.notes_use and 400 <= response.status_code < 500:
                note_use(self.key)
        except (OperationalError, InterfaceError) as error:  # at COMMIT, or with no connection to BEGIN on
            response = self.finished(problem_response(request, cast("Problem", as_problem(error))))
        return response

    def respond(self, sent: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """What the method of the request's name answers to a caller who may call it, or what is wrong."""
        request = self.request = Request(sent, parsers=_PARSERS, negotiator=_NEGOTIATOR)
        try:
            self.authenticate(request)
            method = str(sent.method).lower()
            self.handler = getattr(self, method, None) if method in self.http_method_names else None
            self.check_permissions(request)
            response = (self.handler or self.http_method_not_allowed)(request, *args, **kwargs)
        except Exception as error:
            problem = as_problem(error)
            if problem is None:
                raise
            response = problem_response(sent, problem)
        return self.finished(response)

    def authenticate(self, request: Request) -> None:
        found = look_up(self.key, self.asked(), asks_partner=self.known is None)
        self.notes_use = found.notes_use
        if found.verdict != "ok":
            shares.forget(self.key)  # what is sent with it counts for nobody any more
        request.user, request.auth = cast("Any", found.caller()), found.answer
        if self.known is None:
            shares.learn(self.key, shares.Known(found.key_id, found.tenant_id, found.partner_id))

    def finished(self, response: HttpResponseBase) -> HttpResponseBase:
        """With the headers that each answer of the view has."""
        for name, value in self.headers.items():
            response.headers[name] = value
        return response

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return Response(SimpleMetadata().determine_metadata(request, self))

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
        claim = idempotency.claim(request, tenant_id=self.caller.tenant_id, api_key_id=self.caller.key_id)
        if isinstance(claim, idempotency.Answer):
            return Response(claim.body, status=claim.status, headers={"Idempotency-Replayed": "true"})
        status, data = work()
        body = encode(data)
        if claim is not None:
            answer = idempotency.Answer(status=status, body=body)
            idempotency.store(claim, answer, about=about(data), customers=self.customers_named(body))
        return Response(body, status=status)

    def customers_named(self, body: bytes) -> Collection[str]:
        """What names customers of the caller in an answer, which goes when one of them is deleted."""
        return ()


class OneStatementView(TenantView):
    """A view that reads by one statement: the look-up of the key with the view's query behind it, in one round trip.

    A statement is a transaction of its own, so the tenant context lasts exactly as long as the query. What is no read,
    or has no query, is as in any `TenantView`.
    """

    reads = frozenset({"GET", "HEAD"})  # the methods that read, if their query is not None
    _query: Query | None = None

    def query(self, **path: Any) -> Query | None:
        """What a read asks, if it is one statement; the answer is `self.answer`."""
        raise NotImplementedError

    @property
    def answer(self) -> tuple[Any, ...] | None:
        return cast("tuple[Any, ...] | None", self.request.auth)

    def asked(self) -> Query | None:
        return self._query

    def answered(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self._query = self.query(**kwargs) if request.method in self.reads else None
        return (super().answered if self._query is None else self.respond)(request, *args, **kwargs)
