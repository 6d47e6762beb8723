"""OpenAPI as drf-spectacular makes it, with what it cannot see: our fields' rules, our problems, our headers.

Problems that are an operation's own stand beside its success, `responses={201: …, 409: Problems(…)}`; those that any
operation may answer are added here.
"""

# drf-spectacular says that it is typed, and is in part.
# mypy: disable-error-code="no-untyped-call"

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema as SpectacularAutoSchema
from drf_spectacular.plumbing import ResolvedComponent, force_instance
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from retivo.api.errors import CONTENT_TYPE, MAX_ERRORS, NO_ANSWER, FieldError, Problem
from retivo.api.serializers import VISIBLE, IntegerField, StrictSerializer, StringField
from retivo.api.values import MAX_DEPTH

Schema = dict[str, Any]

REQUEST_ID = "6f1e4d1c0b7a4c0e9d0f4f6f0a1b2c3d"


class BearerAuth(OpenApiAuthenticationExtension):
    target_class = "tenants.access.authentication.ApiKeyAuthentication"
    name = "bearerAuth"

    def get_security_definition(self, auto_schema: SpectacularAutoSchema) -> Schema:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "rt_live_…",
            "description": "An API key. The Partner API needs one that holds the `partner` permission.",
        }


# --- Fields ---------------------------------------------------------------------------------------------------------

# Both without NUL characters, which PostgreSQL cannot store.
TEXT = r"^[^\u0000]*$"
VISIBLE_TEXT = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"

# Bounds apply to numbers alone, patterns to strings alone, and so on: one schema does for any value.
JSON_VALUE: Schema = {
    "description": f"Any JSON value: without NUL characters, at most {MAX_DEPTH} levels deep in the body, its numbers "
    "within a double's range.",
    "type": ["string", "number", "boolean", "null", "array", "object"],
    "pattern": TEXT,
    "items": {"$ref": "#/components/schemas/JsonValue"},
    "additionalProperties": {"$ref": "#/components/schemas/JsonValue"},
    "propertyNames": {"pattern": TEXT},
}


class ObjectFieldExtension(OpenApiSerializerFieldExtension):
    target_class = "retivo.api.serializers.ObjectField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: SpectacularAutoSchema, direction: str) -> Schema:
        return {
            "type": "object",
            "additionalProperties": {"$ref": "#/components/schemas/JsonValue"},
            "propertyNames": JSON_VALUE["propertyNames"],
        }


# --- Problems -------------------------------------------------------------------------------------------------------

_TEXT = {"type": "string"}

FIELD_ERROR: Schema = {
    "type": "object",
    "description": "What is wrong with one field.",
    "required": ["pointer", "code", "detail"],
    "properties": {
        "pointer": {**_TEXT, "description": "JSON Pointer (RFC 6901) into the body; `/name` for a query parameter."},
        "code": {**_TEXT, "description": "Stable, for programs."},
        "detail": {**_TEXT, "description": "For people."},
    },
}

PROBLEM: Schema = {
    "type": "object",
    "description": "Every answer that is not a success: RFC 9457 problem details, with `error` and `code` beside.",
    "required": ["error", "type", "title", "status", "detail", "instance", "code", "request_id"],
    "properties": {
        "error": {**_TEXT, "description": "A readable sentence, the same as `detail`."},
        "type": {**_TEXT, "format": "uri", "description": "`urn:retivo:problem:` and the code."},
        "title": {**_TEXT, "description": "The status in words."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {**_TEXT, "description": "What happened, for people; the words may change."},
        "instance": {**_TEXT, "format": "uri", "description": "`urn:retivo:request:` and the request id."},
        "code": {**_TEXT, "pattern": "^[a-z0-9_]+$", "description": "Which problem it is, for programs; stable."},
        "request_id": {**_TEXT, "description": "As in the header `X-Request-Id`; finds the request in our logs."},
        "errors": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/FieldError"},
            "minItems": 1,
            "maxItems": MAX_ERRORS,
            "description": "The faulty fields, where it is about fields; the first of them, where there are many.",
        },
        "current": {"type": "integer", "description": "At a plan's limit: how many there are."},
        "limit": {"type": "integer", "description": "At a plan's limit: how many there may be."},
        "upgrade_to": {"type": ["string", "null"], "description": "At a plan's limit: the next plan, if there is one."},
        "required_scope": {**_TEXT, "description": "The scope that the key lacks."},
        "since": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "Since when the tenant is suspended.",
        },
        "reason": {"type": ["string", "null"], "description": "The reason of a suspension, where one was given."},
        "scope": {**_TEXT, "description": "Of a `scope_not_grantable`: the scope."},
        "replaced_by": {**_TEXT, "format": "uuid", "description": "Of an `already_rotated`: the key's successor."},
        "current_status": {**_TEXT, "description": "Of an `illegal_transition`: the status it starts from."},
    },
}


COMPONENTS = {"JsonValue": JSON_VALUE, "FieldError": FIELD_ERROR, "Problem": PROBLEM}


@dataclass(frozen=True)
class Problems:
    """What an operation may answer with one status, as a component of its own name.

    `examples` has for every code a sentence or a faulty field.
    """

    name: str
    status: int
    examples: Mapping[str, str | FieldError]


_MISSING = FieldError(pointer="/name", code="required", detail="This field is required.")
_UNKNOWN = FieldError(pointer="/plan_teir", code="unknown_field", detail="Unknown field. Known here: plan_tier.")

INVALID_QUERY = Problems("InvalidQuery", 400, {"validation_failed": _UNKNOWN})
INVALID_BODY = Problems(
    "InvalidBody",
    400,
    {
        "validation_failed": _MISSING,
        "bad_request": "The body's chunks are malformed.",
        "malformed_json": "The body is not valid JSON: Input data was truncated.",
        "nul_character": FieldError(
            pointer="/name", code="nul_character", detail="Text must not contain NUL characters."
        ),
        "number_out_of_range": FieldError(
            pointer="/config/big",
            code="number_out_of_range",
            detail="Numbers must fit into a double: at most 1.8e308.",
        ),
        "nested_too_deep": FieldError(
            pointer="/config/a/a/a", code="nested_too_deep", detail=f"May nest at most {MAX_DEPTH} levels deep."
        ),
        "invalid_idempotency_key": FieldError(
            pointer="/Idempotency-Key",
            code="invalid_idempotency_key",
            detail="Idempotency-Key takes 1 to 255 printable ASCII characters without spaces.",
        ),
    },
)
UNAUTHORIZED = Problems(
    "Unauthorized",
    401,
    {
        "api_key_missing": "Send your API key as `Authorization: Bearer rt_live_…`.",
        "api_key_malformed": "This is not an API key: its form or its checksum is wrong.",
        "api_key_test": "A test key belongs to a test tenant, and this tenant is not one.",
        "api_key_unknown": "There is no such API key.",
        "api_key_expired": "This API key has expired.",
        "api_key_revoked": "This API key was revoked.",
    },
)
NOT_FOUND = Problems("NotFound", 404, {"not_found": "There is nothing here that this API key can see."})
SUSPENDED = Problems(
    "Suspended",
    403,
    {
        "tenant_suspended": "This tenant was suspended by its partner; nothing was read or changed.",
        "partner_suspended": "The partner of this tenant is suspended; nothing was read or changed.",
        "suspended_by_staff": "This tenant was suspended by Retivo's staff; nothing was read or changed.",
        "tenant_deleting": "This tenant is being deleted; nothing was read or changed.",
    },
)
NO_FULL_ACCESS = Problems(
    "NoFullAccess",
    403,
    {
        "full_scope_required": "This API key does not hold the `full` permission.",
        "insufficient_scope": "This API key does not hold the scope `users:write`.",
        **SUSPENDED.examples,
    },
)
TOO_LARGE = Problems("BodyTooLarge", 413, {"body_too_large": "The body may be at most 1 MiB."})
UNSUPPORTED = Problems(
    "NotJson",
    415,
    {
        "unsupported_media_type": "Send the body as application/json.",
        "unsupported_content_encoding": "Send the body as it is, or gzipped.",
    },
)
KEY_REUSED = Problems(
    "IdempotencyKeyReused", 422, {"idempotency_key_reused": "This Idempotency-Key was used for another request."}
)
TOO_MANY = Problems(
    "TooManyRequests",
    429,
    {
        "rate_limited": "At most 60000 requests in 60 seconds with one key.",
        "too_many_concurrent_requests": (
            "Too many of your requests are being answered at once. Try again when one of them has ended."
        ),
    },
)
UNAVAILABLE = Problems(
    "Unavailable",
    503,
    {
        "temporarily_unavailable": NO_ANSWER,
        "overloaded": "This process has no thread to give: all of them wait. Try again in a moment.",
    },
)


KEY_IN_USE = Problems(
    "IdempotencyKeyInUse",
    409,
    {"idempotency_key_in_use": "A request with this Idempotency-Key is still running."},
)


def conflict(code: str, sentence: str, **more: str) -> Problems:
    """409 of a POST: its own conflicts, and that of an Idempotency-Key sent twice at once."""
    return Problems(code.title().replace("_", ""), 409, {code: sentence, **more, **KEY_IN_USE.examples})


# --- Headers --------------------------------------------------------------------------------------------------------

HEADERS: dict[str, Schema] = {
    "X-Request-Id": {
        "description": "Names this request in our logs; the one you sent, if it is 1 to 128 of `A-Z a-z 0-9 . _ : -`.",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "example": REQUEST_ID,
    },
    "RateLimit-Policy": {
        "description": "How many requests (`q`) may be made in how many seconds (`w`): by your tenant with all its "
        "keys, and with your key.",
        "schema": {"type": "string"},
        "example": '"tenant";q=60000;w=60, "key";q=60000;w=60',
    },
    "RateLimit": {
        "description": "How many of them are left (`r`), and the seconds until they are renewed (`t`).",
        "schema": {"type": "string"},
        "example": '"tenant";r=59871;t=42, "key";r=59999;t=42',
    },
    "Idempotency-Replayed": {
        "description": "`true` where this is the stored answer of an earlier request.",
        "schema": {"type": "string", "const": "true"},
    },
    "WWW-Authenticate": {"required": True, "schema": {"type": "string", "const": "Bearer"}},
    "Retry-After": {
        "description": "Seconds to wait.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
        "example": 42,
    },
}

_PROBLEM_HEADERS = {
    401: ["WWW-Authenticate"],
    429: ["RateLimit", "RateLimit-Policy", "Retry-After"],
    503: ["Retry-After"],
}

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "maxLength": 255, "pattern": '^(?!""$)[!-~]+$'},
    OpenApiParameter.HEADER,
    description=(
        "Makes it safe to send this request again: for 24 hours the same key with the same body gets the stored "
        "answer, marked `Idempotency-Replayed`. Choose a new one, such as a UUID, for each new request."
    ),
)


# --- Operations -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Link:
    """Where an answer leads: `parameter` of `operation_id` is what stands at `pointer` in the body."""

    operation_id: str
    parameter: str
    pointer: str


class Success(OpenApiResponse):
    """An answer with an example, and where it leads."""

    def __init__(self, serializer: type, status: int, example: Mapping[str, Any], links: Sequence[Link] = ()) -> None:
        super().__init__(serializer, HTTPStatus(status).phrase, [OpenApiExample("Success", dict(example))])
        self.links = links


# Bounds of an object that one without members does not meet.
_WANTS_SOME = {"minProperties", "oneOf"}


class AutoSchema(SpectacularAutoSchema):
    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        for name, schema in COMPONENTS.items():
            self._component(ResolvedComponent.SCHEMA, name, schema)
        for parameter in (operation or {}).get("parameters", ()):
            if parameter["in"] == "query" and parameter["schema"].get("type") == "object":
                parameter |= {"style": "deepObject", "explode": True}
        return operation

    def _is_list_view(self, serializer: Any = None) -> bool:
        """Never an array: the answer of a list is an object with its page in it, which its serializer says."""
        return False

    @property
    def _scope(self) -> str | None:
        handler = getattr(self.view, getattr(self.view, "action", None) or self.method.lower())
        scope: str | None = getattr(handler, "scope", None)
        return scope

    def get_auth(self) -> list[dict[str, list[str]]]:
        return [{name: [self._scope] if self._scope else [] for name in needed} for needed in super().get_auth()]

    @property
    def _is_authenticated(self) -> bool:
        return bool(self.view.get_authenticators())

    @property
    def _is_counted(self) -> bool:
        """Whether there is a rate limit, of a key or of an address."""
        return self._is_authenticated or getattr(self.view, "is_counted", False)

    def get_override_parameters(self) -> list[Any]:
        return [IDEMPOTENCY_KEY] if self.method == "POST" and self._is_authenticated else []

    @property
    def _takes_body(self) -> bool:
        return self.method in {"POST", "PUT", "PATCH"} or (
            self.method == "DELETE" and bool(self.get_request_serializer())
        )

    def _get_request_body(self, direction: Any = "request") -> Any:
        method = self.method
        if method == "DELETE" and self._takes_body:
            self.method = "POST"  # the library knows no other method's body
        try:
            body = super()._get_request_body(direction)
        finally:
            self.method = method
        if body is None:
            return None
        request = self.get_request_serializer()
        serializer = force_instance(getattr(request, "request", request))
        fields = getattr(serializer, "fields", None)
        # A plain schema is taken to be optional, and none of ours is.
        is_required = fields is None or any(field.required for field in fields.values())
        return {**body, "required": is_required or bool(_WANTS_SOME & getattr(serializer, "bounds", {}).keys())}

    def _get_response_bodies(self, direction: Any = "response") -> Schema:
        own: Schema = super()._get_response_bodies(direction)
        common: list[Problems] = []
        if self._is_authenticated:
            common += [UNAUTHORIZED]
        if self._is_counted:
            common += [TOO_MANY, UNAVAILABLE]
        if self._takes_body:
            common += [INVALID_BODY, TOO_LARGE, UNSUPPORTED]
        if self.method == "POST" and self._is_authenticated:
            common += [KEY_REUSED]
        responses = {str(found.status): self._problem_response(found) for found in common} | own
        return dict(sorted(responses.items()))

    def _get_response_for_code(
        self, serializer: Any, status_code: str, media_types: Any = None, direction: Any = "response"
    ) -> Schema:
        if isinstance(serializer, Problems):
            return self._problem_response(serializer)
        response: Schema = super()._get_response_for_code(serializer, status_code, media_types, direction)
        if isinstance(serializer, Success) and serializer.links:
            response["links"] = {
                link.operation_id: {
                    "operationId": link.operation_id,
                    "parameters": {link.parameter: f"$response.body#{link.pointer}"},
                }
                for link in serializer.links
            }
        return response

    def _get_response_headers_for_code(self, status_code: str, direction: Any = "response") -> Schema:
        names = ["X-Request-Id"]
        names += ["RateLimit", "RateLimit-Policy"] if self._is_counted else []
        names += ["Idempotency-Replayed"] if self.method == "POST" and self._is_authenticated else []
        return self._headers(names)

    def _problem_response(self, found: Problems) -> Schema:
        narrowed = {"status": {"const": found.status}, "code": {"enum": list(found.examples)}}
        content = {
            "schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}], "properties": narrowed},
            "examples": {code: {"value": _example(found.status, code, what)} for code, what in found.examples.items()},
        }
        response = {
            "description": f"{HTTPStatus(found.status).phrase}: {', '.join(f'`{code}`' for code in found.examples)}.",
            "headers": self._headers(["X-Request-Id", *_PROBLEM_HEADERS.get(found.status, [])]),
            "content": {CONTENT_TYPE: content},
        }
        return self._component(ResolvedComponent.RESPONSE, found.name, response)

    def _headers(self, names: list[str]) -> Schema:
        return {name: self._component(ResolvedComponent.HEADER, name, HEADERS[name]) for name in names}

    def _component(self, kind: str, name: str, schema: Schema) -> Schema:
        component = ResolvedComponent(name, kind, schema, object=name)
        self.registry.register_on_missing(component)
        reference: Schema = component.ref
        return reference

    def _map_serializer(self, serializer: Any, direction: Any, bypass_extensions: bool = False) -> Schema:
        schema: Schema = super()._map_serializer(serializer, direction, bypass_extensions)
        if isinstance(force_instance(serializer), StrictSerializer):
            schema["additionalProperties"] = False
            schema |= getattr(force_instance(serializer), "bounds", {})
        return schema

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        schema = super()._map_serializer_field(field, direction, bypass_extensions)
        if isinstance(field, serializers.ListSerializer) and (longest := getattr(field, "max_length", None)):
            schema["maxItems"] = longest
        elif isinstance(field, IntegerField) and field.max_value is not None and field.max_value < 2**31:
            schema["format"] = "int32"
        return schema

    def _insert_field_validators(self, field: Any, schema: Schema) -> None:
        super()._insert_field_validators(field, schema)
        if isinstance(field, StringField) and field.allow_blank:
            schema["pattern"] = TEXT
        elif schema.get("pattern") == VISIBLE:
            schema["pattern"] = VISIBLE_TEXT


def _example(status: int, code: str, what: str | FieldError) -> dict[str, Any]:
    if isinstance(what, str):
        return Problem(status, code, what).body(REQUEST_ID)
    detail = f"{what['pointer']}: {what['detail']}" if code == "validation_failed" else what["detail"]
    return Problem(status, code, detail, errors=[what]).body(REQUEST_ID)
