"""`/.well-known/security.txt` (RFC 9116): whom to tell of a vulnerability of this installation."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

# The RFC recommends less than a year: who wrote it should look at it again.
LONGEST = timedelta(days=366)


@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    """404 where `SECURITY_CONTACT` is not set."""
    contacts, expires = settings.SECURITY_CONTACT, settings.SECURITY_TXT_EXPIRES
    if not contacts or expires is None:
        raise Http404
    lines = [
        *(f"Contact: {contact}" for contact in contacts),
        f"Expires: {expires.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: en",
        f"Canonical: {request.build_absolute_uri(request.path)}",
    ]
    return HttpResponse("\n".join([*lines, ""]), content_type="text/plain; charset=utf-8")


@register()
def expires_in_time(**_: Any) -> Sequence[CheckMessage]:
    expires: datetime | None = settings.SECURITY_TXT_EXPIRES
    if expires is None or timezone.now() < expires < timezone.now() + LONGEST:
        return []
    text = "SECURITY_TXT_EXPIRES is past, so that nobody should use security.txt, or more than a year away."
    return [Warning(text, hint="Look whether SECURITY_CONTACT is still right, and set a day within a year.")]
