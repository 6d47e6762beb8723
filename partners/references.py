"""Which customer a path names: by the id of its tenant, or by what its partner calls it."""

from typing import NamedTuple
from uuid import UUID

from django.urls import register_converter

from retivo.api.errors import FieldError, Problem
from retivo.api.paths import AnyUUIDConverter, value_of
from tenants.deletion.named import EXTERNAL

MAX_EXTERNAL_ID = 255


class CustomerReference(NamedTuple):
    """Exactly one of the two."""

    tenant_id: UUID | None
    external_id: str | None


class CustomerConverter:
    """A uuid, or `ext:` and an external id, up to the next segment: slashes in an id are sent as `%2F`."""

    regex = rf"(?:{AnyUUIDConverter.regex}|{EXTERNAL}[^/]+)"

    def to_python(self, value: str) -> CustomerReference:
        if not value.startswith(EXTERNAL):
            return CustomerReference(UUID(value), None)
        try:
            return CustomerReference(None, value_of(value).removeprefix(EXTERNAL))
        except ValueError:
            return CustomerReference(None, "")  # nobody's, and refused by `checked`

    def to_url(self, value: CustomerReference) -> str:
        return str(value.tenant_id) if value.external_id is None else EXTERNAL + value.external_id


register_converter(CustomerConverter, "customer")


# Of which words and emoji are made, though they show nothing by themselves.
JOINERS = frozenset({"\u200c", "\u200d", *map(chr, range(0xE0020, 0xE0080))})
EXTERNAL_ID_RULE = (
    f"Must be 1 to {MAX_EXTERNAL_ID} characters that can be printed, not all of them blanks: no control characters, no "
    "separators but the space, and none that turn the direction of text."
)


def is_external_id(text: str) -> bool:
    """Whether it is 1 to 255 printable characters and joiners of such, not all of them blanks.

    The constraint `tenant_external_id_in_characters` holds the same.
    """
    shown = "".join(each for each in text if each not in JOINERS)
    return len(text) <= MAX_EXTERNAL_ID and shown.isprintable() and bool(shown.strip())


def checked(external_id: str) -> str:
    """The external id itself.

    Raises:
        Problem: 400 `invalid_external_id` if it is none.
    """
    if is_external_id(external_id):
        return external_id
    error = FieldError(pointer="/external_id", code="invalid_external_id", detail=EXTERNAL_ID_RULE)
    raise Problem(400, "invalid_external_id", EXTERNAL_ID_RULE, errors=[error])
