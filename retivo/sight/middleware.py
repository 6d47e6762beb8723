"""What must be answered whatever is the matter is answered before all that could wait or refuse."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from retivo.api.middleware import call_view

GetResponse = Callable[[HttpRequest], HttpResponse]

FIRST = frozenset({"/api/livez", "/api/readyz", "/api/health", "/metrics"})


class AnswerFirst:
    """Calls the views of `FIRST` at once: without TLS, and for any `Host`, as balancers and monitors ask by address."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return call_view(request) if request.path_info in FIRST else self.get_response(request)
