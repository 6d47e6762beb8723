"""What OpenAPI says of one operation, in one call: the decorators of the apps' schema modules are made of it."""

# drf-spectacular says that it is typed, and is in part.
# mypy: disable-error-code="no-untyped-call"

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiRequest, extend_schema

from retivo.api.schema import NO_FULL_ACCESS, Link, Problems, Success

Example = Mapping[str, Any]


def operation(
    operation_id: str,
    summary: str,
    description: str,
    *,
    tag: str,
    answers: type,
    example: Example,
    status: int = 200,
    also: Mapping[int, Example] | None = None,
    media_type: str | None = None,
    takes: type | None = None,
    requests: Mapping[str, Example] | None = None,
    parameters: Sequence[Any] = (),
    problems: Sequence[Problems] = (),
    links: Sequence[Link] = (),
    forbidden: Problems | None = NO_FULL_ACCESS,
) -> Callable[..., Any]:
    """A decorator that says all there is of an operation.

    `requests` are example bodies by name, `also` are examples of the same answer by their other statuses.
    """
    sent = [OpenApiExample(name, dict(value)) for name, value in (requests or {}).items()]
    answered: dict[Any, Any] = {
        (code, media_type) if media_type else code: Success(answers, code, shown, links)
        for code, shown in {status: example, **(also or {})}.items()
    }
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        tags=[tag],
        parameters=parameters,
        request=OpenApiRequest(takes, examples=sent) if takes else None,
        responses=answered | {found.status: found for found in [forbidden, *problems] if found},
    )
