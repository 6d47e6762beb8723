"""The keys of certificates over HTTP."""

from typing import Any

from rest_framework.request import Request

from retivo.api.address import client_network
from retivo.api.docs import OpenView
from retivo.api.json import Response
from tenants.access import rate_limit
from tenants.deletion import certificates, schema

REQUESTS, SECONDS = 600, 60  # of one address


class CertificateKeysView(OpenView):
    """Needs no key: whoever is shown a certificate may verify it."""

    is_counted = True

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        quotas = rate_limit.spend_without_key(f"certificate-keys:{client_network(request)}", (REQUESTS, SECONDS))
        self.headers |= rate_limit.headers(quotas)

    @schema.list_keys
    def get(self, request: Request) -> Response:
        return Response({"keys": certificates.published()})
