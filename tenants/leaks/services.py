"""A leaked key is revoked by whoever found it: to hold its text is to be able to use it, and so to end it."""

from retivo.database.cursor import kept_cursor
from retivo.logging import caller_address
from tenants.access import keys


def report(*, text: str) -> None:
    """Revoke the key with this text, if there is one. Nothing tells the caller whether there was."""
    kept_cursor().execute("SELECT revoke_leaked_key(%s, %s::inet)", [keys.digest(text.strip()), caller_address()])
