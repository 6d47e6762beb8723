"""What OpenAPI says of keys, in each of the places where they are managed."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from retivo.api.errors import FieldError
from retivo.api.operation import Decorator, operation
from retivo.api.schema import INVALID_QUERY, KEY_IN_USE, NO_FULL_ACCESS, NOT_FOUND, Problems
from tenants.api_keys import serializers
from tenants.api_keys.rules import LAST_PARTNER_KEY
from tenants.models import Scope

KEY: dict[str, Any] = {
    "id": "c1f4c7a2-8a55-4e0e-b5a8-0f6c2b7d9e30",
    "prefix": "rt_live_4fGh",
    "label": "Backend",
    "mode": "live",
    "status": "active",
    "scope": "events:write users:read",
    "scopes": ["events:write", "users:read"],
    "allowed_cidrs": ["203.0.113.0/24"],
    "created_by": {"type": "api_key", "id": "7a1d5b0c-93f2-4c1e-8a57-2d6e0f4b9c18"},
    "last_used_at": "2026-11-20T08:00:00Z",
    "last_used_ip_prefix": "203.0.113.0/24",
    "expires_at": None,
    "revoked_at": None,
    "revoked_reason": None,
    "created_at": "2026-04-26T10:00:00Z",
    "replaces": None,
    "replaced_by": None,
}
_NEVER_USED = KEY | {"last_used_at": None, "last_used_ip_prefix": None}
_ISSUED = _NEVER_USED | {"api_key": "rt_live_…"}
_SUCCESSOR_ID = "1c9e7f34-5b0a-4d27-9f6b-8e3d2a1c4b50"
_SUCCESSOR = _ISSUED | {"id": _SUCCESSOR_ID, "prefix": "rt_live_9kLm", "replaces": KEY["id"]}
_ROTATED = KEY | {"status": "expiring", "expires_at": "2026-11-21T08:00:00Z", "replaced_by": _SUCCESSOR_ID}
_REVOKED = KEY | {"status": "revoked", "revoked_at": "2026-11-21T08:00:00Z"}

_OUTLIVES = "A key cannot issue one that outlives it, and this one expires at 2026-12-24T18:00:00.000000Z."
_ELSEWHERE = "A key cannot issue one for networks outside its own, and this one has 203.0.113.0/24."
_NOT_GRANTABLE: dict[str, Any] = {
    "scope_not_grantable": "A key can grant only the scopes that it holds, and this one does not hold `users:write`.",
    "expiry_not_grantable": FieldError(pointer="/expires_at", code="expiry_not_grantable", detail=_OUTLIVES),
    "networks_not_grantable": FieldError(pointer="/allowed_cidrs", code="networks_not_grantable", detail=_ELSEWHERE),
}
_LIMIT = {"api_key_limit_reached": "A tenant has at most 20 active keys, whatever its plan. Revoke one first."}
_CALLING = {"calling_key": "This is the key that you are calling with: send `?confirm=self` if you mean it."}
_LAST = {"last_partner_key": LAST_PARTNER_KEY}
_DELETING = {"customer_deleting": "This customer is being deleted. Restore it first."}
_NOT_ROTATABLE = {
    "already_rotated": "This key was rotated already. Rotate its successor instead.",
    "key_revoked": "This key is revoked: issue another one.",
    "key_expired": "This key has expired: issue another one.",
}


class Place(NamedTuple):
    """A decorator for each operation of a place where keys are managed."""

    list: Decorator
    issue: Decorator
    get: Decorator
    relabel: Decorator
    revoke: Decorator
    rotate: Decorator
    revoke_all: Decorator


def place(  # a table
    name: str,
    whose: str,
    *,
    scope: Scope,
    tag: str,
    forbidden: Problems = NO_FULL_ACCESS,
    may_be_missing: bool = False,
    may_be_calling: bool = True,
    within: Sequence[Any] = (),
) -> Place:
    """What is said of the keys `whose` they are: "your", "a customer's".

    Args:
        name: in each operation's id: `listApiKeys`, `listCustomerApiKeys`.
        may_be_missing: whoever holds the keys may be none of the caller's.
        may_be_calling: the key that calls is one of them.
        within: parameters of the path that they are found under.
    """

    def also(more: Mapping[str, Any]) -> Problems:
        return Problems(f"{name}{next(iter(more)).title().replace('_', '')}", 403, {**forbidden.examples, **more})

    def conflicts(more: Mapping[str, Any]) -> Problems:
        return Problems(f"{name}{next(iter(more)).title().replace('_', '')}", 409, more)

    def said(verb: str, summary: str, description: str, **more: Any) -> Decorator:
        problems: Sequence[Problems] = more.pop("problems", ())
        parameters = [*within, *more.pop("parameters", ())]
        return operation(
            f"{verb}{name}Key{more.pop('plural', '')}",
            summary.format(whose),
            description,
            scope=scope,
            tag=tag,
            **{"forbidden": forbidden, **more},
            problems=problems,
            parameters=parameters,
        )

    missing = [NOT_FOUND] if may_be_missing else []
    deleting = {} if may_be_calling else _DELETING
    last = _LAST if may_be_calling else {}
    ending = {**_CALLING, **last} if may_be_calling else {}
    return Place(
        list=said(
            "list",
            "List {} keys",
            "Keys without their texts, oldest first.",
            plural="s",
            parameters=[serializers.KeyListQuerySerializer],
            answers=serializers.KeyListSerializer,
            example={"api_keys": [KEY], "total": 1, "next_cursor": None},
            problems=[INVALID_QUERY, *missing],
        ),
        issue=said(
            "issue",
            "Issue one of {} keys",
            "The key's text is in this answer and nowhere else; with `encrypt_to` not even here, but sealed for "
            "whoever has the secret key. A key issues none that is less bound than itself: in its scopes, in when it "
            "expires, in its networks. A tenant has 20 active keys at most.",
            takes=serializers.IssueRequestSerializer,
            requests={
                "A key for a backend": {"label": "Backend", "scopes": ["events:write", "users:read"]},
                "All fields": {
                    "label": "Backend",
                    "scopes": ["events:write", "users:read"],
                    "expires_at": "2030-01-01T00:00:00Z",
                    "allowed_cidrs": ["203.0.113.0/24"],
                    "encrypt_to": "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=",
                },
            },
            status=201,
            answers=serializers.IssueResponseSerializer,
            example={"key": _ISSUED},
            forbidden=also(_NOT_GRANTABLE | _LIMIT),
            problems=[conflicts({**KEY_IN_USE.examples, **deleting}), *missing],
        ),
        get=said(
            "get",
            "Get one of {} keys",
            "The key without its text.",
            answers=serializers.KeyResponseSerializer,
            example={"key": KEY},
            problems=[NOT_FOUND],
        ),
        relabel=said(
            "change",
            "Change one of {} keys",
            "Changes the label. What a key may do never changes: issue another one.",
            takes=serializers.RelabelRequestSerializer,
            requests={"A label": {"label": "Backend"}},
            answers=serializers.KeyResponseSerializer,
            example={"key": KEY},
            problems=[NOT_FOUND, *([conflicts(deleting)] if deleting else [])],
        ),
        revoke=said(
            "revoke",
            "Revoke one of {} keys",
            "The key is refused from now on, for good. Revoking it again changes nothing.",
            parameters=[serializers.ConfirmQuerySerializer],
            answers=serializers.KeyResponseSerializer,
            example={"key": _REVOKED},
            problems=[INVALID_QUERY, NOT_FOUND, *([conflicts(ending)] if ending else [])],
        ),
        rotate=said(
            "rotate",
            "Rotate one of {} keys",
            "Issues a successor with the scopes, the label and the networks of the key, which is let in for "
            "`overlap_hours` more, and not longer than before. A key is rotated once. The calling key issues none that "
            "is less bound than itself.",
            takes=serializers.RotateRequestSerializer,
            requests={"With a day for the change": {"overlap_hours": 24}, "At once": {"overlap_hours": 0}},
            status=201,
            answers=serializers.RotateResponseSerializer,
            example={"key": _SUCCESSOR, "replaced": _ROTATED},
            forbidden=also(_NOT_GRANTABLE | _LIMIT),
            problems=[NOT_FOUND, conflicts({**_NOT_ROTATABLE, **last, **KEY_IN_USE.examples, **deleting})],
        ),
        revoke_all=said(
            "revokeAll",
            "Revoke all of {} keys",
            "Every key that is let in is refused from now on. With `reissue` one new key takes their place, with all "
            "of their scopes, or `full` where none was let in, and, if all were bound to networks, all of these; it "
            "expires when the calling key does.",
            plural="s",
            parameters=[serializers.ConfirmQuerySerializer],
            takes=serializers.RevokeAllRequestSerializer,
            requests={"With a new key": {"reissue": True}},
            answers=serializers.RevokeAllResponseSerializer,
            example={"revoked": 2, "key": _ISSUED | {"label": "Reissued"}},
            forbidden=also(_NOT_GRANTABLE),
            problems=[*missing, conflicts({**ending, **KEY_IN_USE.examples, **deleting})],
        ),
    )


OWN = place("Api", "your", scope=Scope.KEYS_MANAGE, tag="Settings")
