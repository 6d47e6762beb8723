"""What must be answered whatever is the matter is answered before all that could wait or refuse."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import resolve

GetResponse = Callable[[HttpRequest], HttpResponse]

FIRST = frozenset({"/api/livez", "/api/readyz", "/api/health", "/metrics"})


class AnswerFirst:
    """Calls the views of `FIRST` at once: without TLS, and for any `Host`, as balancers and monitors ask by address."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info not in FIRST:
            return self.get_response(request)
        request.resolver_match = match = resolve(request.path_info)
        response: Any = match.func(request, *match.args, **match.kwargs)
        if not getattr(response, "is_rendered", True):
            response.render()
        return response  # type: ignore[no-any-return]
