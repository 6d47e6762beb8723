"""In which of its media types an operation answers."""

from django.http import HttpRequest
from rest_framework.request import Request


def preferred_type(request: Request, *offered: str) -> str:
    """The media type that the caller asks for by `Accept`; the first one that is offered, unless it prefers another.

    Parameters of a media type, such as `charset=utf-8`, are not looked at; its quality is.
    """
    accepted = HttpRequest()
    accepted.META["HTTP_ACCEPT"] = ", ".join(
        f"{each.main_type}/{each.sub_type}; q={each.quality}" for each in request._request.accepted_types
    )
    return accepted.get_preferred_type(offered) or offered[0]
