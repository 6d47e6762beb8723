"""What names a customer in an answer that is stored for its partner, so that the answer goes with the customer.

Answers are encrypted, so what names customers in them is kept beside each as hashes.
"""

import json
import re

from tenants.access.idempotency import hash_of
from tenants.models import Tenant

EXTERNAL = "ext:"
_STRING = rb'(?:[^"\\]|\\.)*'
_UUID = rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NAMES = re.compile(
    rb'"external_id": ?"(?P<own>%s)"|"(?P<name>%s|%s%s)"' % (_STRING, _UUID, EXTERNAL.encode(), _STRING)
)


def named_in(answer: bytes) -> frozenset[str]:
    """What may name a customer in JSON: ids of tenants, and own ids behind `ext:`."""
    found = set()
    for match in _NAMES.finditer(answer):
        prefix, name = (EXTERNAL, match["own"]) if match["name"] is None else ("", match["name"])
        found.add(prefix + json.loads(b'"%s"' % name))
    return frozenset(found)


def hashes_of(customer: Tenant) -> list[bytes]:
    """Of all that may name this customer; of its id first."""
    own = [] if customer.external_id is None else [EXTERNAL + customer.external_id]
    return [hash_of(name) for name in (str(customer.id), *own)]
