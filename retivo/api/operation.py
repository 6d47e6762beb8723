"""What an operation is, in one call: the scope that it needs, and all that OpenAPI says of it.

The decorators of the apps' schema modules are made of it. What they declare of a handler is read by the permission
class, by the API's description and by the tests that walk over all operations.
"""

# drf-spectacular says that it is typed, and is in part.
# mypy: disable-error-code="no-untyped-call"

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiRequest, OpenApiResponse, extend_schema

from retivo.api.schema import NO_FULL_ACCESS, Link, Problems, Success

Example = Mapping[str, Any]
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def operation(
    operation_id: str,
    summary: str,
    description: str,
    *,
    scope: str | None,
    tag: str,
    answers: type,
    example: Example,
    status: int = 200,
    also: Mapping[int, Example | Success] | None = None,
    media_type: str | None = None,
    streamed: Mapping[str, tuple[Any, Any]] | None = None,
    takes: type | None = None,
    requests: Mapping[str, Example] | None = None,
    parameters: Sequence[Any] = (),
    problems: Sequence[Problems] = (),
    links: Sequence[Link] = (),
    forbidden: Problems | None = NO_FULL_ACCESS,
) -> Decorator:
    """A decorator that says all there is of an operation.

    Args:
        scope: what a key must hold; None where any key will do, or none is needed.
        requests: example bodies by name.
        also: other statuses: examples of the same answer, or answers of their own.
        streamed: by media type, what else the answer may be, with an example.
    """
    sent = [OpenApiExample(name, dict(value)) for name, value in (requests or {}).items()]
    answered: dict[Any, Any] = {
        (code, media_type) if media_type else code: (
            shown if isinstance(shown, Success) else Success(answers, code, shown, links)
        )
        for code, shown in {status: example, **(also or {})}.items()
    } | {
        (status, kind): OpenApiResponse(
            made_of, description="Streamed.", examples=[OpenApiExample("Streamed", shown, media_type=kind)]
        )
        for kind, (made_of, shown) in (streamed or {}).items()
    }
    return described(
        scope=scope,
        operation_id=operation_id,
        summary=summary,
        description=description,
        tags=[tag],
        parameters=parameters,
        request=OpenApiRequest(takes, examples=sent) if takes else None,
        responses=answered | {found.status: found for found in [forbidden, *problems] if found},
    )


def described(*, scope: str | None, description: str, **said: Any) -> Decorator:
    """A decorator for an operation whose body or answer takes more words: `said` is for `extend_schema`."""
    needs = f"\n\nThe key needs the scope `{scope}`." if scope else ""
    describe = extend_schema(description=description + needs, **said)

    def declare(handler: Callable[..., Any]) -> Callable[..., Any]:
        declared: Callable[..., Any] = describe(handler)
        declared.scope = scope  # type: ignore[attr-defined]
        return declared

    return declare
