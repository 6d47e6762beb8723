"""The report of a leaked key over HTTP."""

from typing import Any

from rest_framework.request import Request

from retivo.api.address import client_network
from retivo.api.docs import OpenView
from retivo.api.json import Response
from tenants.access import rate_limit
from tenants.leaks import schema, services
from tenants.leaks.serializers import ReportRequestSerializer

REPORTS, SECONDS = 100, 60  # of one address


class ReportLeakView(OpenView):
    """Needs no key, and answers the same whether or not there is one with the text that is reported."""

    is_counted = True

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.headers["Cache-Control"] = "no-store"
        quotas = rate_limit.spend_without_key(f"leak:{client_network(request)}", (REPORTS, SECONDS))
        self.headers |= rate_limit.headers(quotas)

    @schema.report_leak
    def post(self, request: Request) -> Response:
        body = ReportRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.report(text=body.validated_data["key"])
        return Response({"received": True}, status=202)
