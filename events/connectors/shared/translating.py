"""From a vendor's messages to a batch of events, each by itself."""

from datetime import datetime
from typing import Any

from events.connectors.shared.reading import Sent, key_in
from events.connectors.shared.vendor import Vendor
from events.ingestion import batch
from events.ingestion.batch import Batch
from retivo.api import values
from tenants.access import keys


def translate(vendor: Vendor, sent: Sent, *, kind: str, key: str, now: datetime) -> tuple[Batch, int]:
    """The events that were sent, and how many messages are none of ours and were skipped.

    Args:
        key: the request's; a message that names another one is another tenant's, and refused.
    """
    events, skipped = Batch(), 0
    for index, item in enumerate(sent.items):
        try:
            message = values.parse(item)
        except values.UnacceptableError as error:
            events.reject(index, error.fault.code, error.fault.detail)
            continue
        if not isinstance(message, dict):
            events.reject(index, "invalid_event", "Expected `object`.")
        elif keys.is_well_formed(own := key_in(message, vendor.KEY_MEMBERS)) and own != key:
            events.reject(index, "other_api_key", "This event carries another API key than its request.")
        else:
            members: Any = vendor.translate(message, kind)
            if members is None:
                skipped += 1
            else:
                batch.add(events, index, members, now=now)
                if vendor.is_import(message, kind, sent.beside):
                    events.imported.add(index)
    return events, skipped
