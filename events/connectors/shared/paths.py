"""Paths of vendors' SDKs, some of which end with a slash: both are taken, one is documented."""

from typing import Any

from django.urls import URLPattern, path


def either(route: str, view: Any) -> list[URLPattern]:
    return [path(route, view.as_view()), path(f"{route}/", view.as_view(schema=None))]
