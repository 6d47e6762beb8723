"""What stands for a value in a path.

A slash that the client wrote as `%2F` belongs to a value and ends no segment. WSGI hands paths over decoded, so such
slashes are told apart by the request target as it was sent: `path_of` has a NUL for them, which no value may hold.
"""

from urllib.parse import unquote

from django.http import HttpRequest
from django.urls import Resolver404, register_converter
from django.urls.converters import UUIDConverter

_SLASH = "\0"


def path_of(request: HttpRequest) -> str:
    """The path to resolve.

    Raises:
        Resolver404: a NUL was sent.
    """
    path: str = request.path_info
    if "\0" in path:
        raise Resolver404
    sent = request.META.get("RAW_URI", "")
    if "%2f" not in sent.lower():
        return path
    target = sent.partition("?")[0].replace("%2F", "%00").replace("%2f", "%00")
    told_apart = unquote(target)
    # Not so where a prefix was taken off, or where the target is an absolute URL.
    return told_apart if told_apart.replace(_SLASH, "/") == path else path


def value_of(segment: str) -> str:
    """The value that stands in a path of `path_of`."""
    return segment.replace(_SLASH, "/")


class AnyUUIDConverter(UUIDConverter):
    """A uuid as any client writes it; Django's own converter takes lower case alone."""

    regex = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


register_converter(AnyUUIDConverter, "any_uuid")


class PrefixedIdConverter:
    """An id such as `wh_…`. What is no id is not found, and never gets as far as the database."""

    regex = "[a-z]{2,4}_[0-9A-Za-z]{1,64}"

    def to_python(self, value: str) -> str:
        return value

    to_url = to_python


register_converter(PrefixedIdConverter, "prefixed_id")
