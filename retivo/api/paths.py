"""What stands for a value in a path.

A slash that the client wrote as `%2F` belongs to a value and ends no segment, and a byte that is not UTF-8 is not the
text `%FF`. Django hands paths over in which these are the same, so they are told apart by the request target as it was
sent. `path_of` has halves of surrogate pairs for them, which no text that was sent can hold.
"""

import re
from urllib.parse import unquote

from django.http import HttpRequest
from django.urls import register_converter
from django.urls.converters import UUIDConverter
from django.utils.encoding import repercent_broken_unicode

_SLASH = "\ud800"
_IN_NO_VALUE = re.compile(r"[\x00\udc80-\udcff]")


def path_of(request: HttpRequest) -> str:
    """The path to resolve."""
    path: str = request.path_info
    sent = request.META.get("RAW_URI", "")
    if "%" not in path and "%2f" not in sent.lower():
        return path
    target = sent.partition("?")[0].replace("%2F", _SLASH).replace("%2f", _SLASH)
    told_apart = unquote(target, errors="surrogateescape")
    # Not so where a prefix was taken off, or where the target is an absolute URL.
    as_django_has_it = repercent_broken_unicode(told_apart.replace(_SLASH, "/").encode(errors="surrogateescape"))
    return told_apart if as_django_has_it.decode() == path else path


def value_of(segment: str) -> str:
    """The value that stands in a path of `path_of`.

    Raises:
        ValueError: it holds a NUL or is not UTF-8.
    """
    if _IN_NO_VALUE.search(segment):
        raise ValueError("holds what no value may hold")
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
