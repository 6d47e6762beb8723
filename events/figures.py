"""How far ahead the events' tables are made, and how old keys are, for metrics and `manage.py doctor`."""

from retivo.database.reading import Connection

# Older keys are about to meet their ring's next turn, three turns of two days after they came.
KEYS_TOO_OLD_SECONDS = 3 * 2 * 86400


def months_ahead(connection: Connection) -> int:
    """For how many months after this one all partitions are there, without a gap; 12 at most."""
    months: int = connection.execute(_MONTHS_AHEAD).fetchall()[0][0]
    return months


def oldest_keys_seconds(connection: Connection) -> float:
    """How old an idempotency key may be at most."""
    seconds: float = connection.execute("SELECT seconds FROM oldest_event_keys()").fetchall()[0][0]
    return seconds


# As maintain_events names them.
_MONTHS_AHEAD = """
    SELECT coalesce(min(ahead), 13) - 1 FROM generate_series(1, 12) AS ahead
     WHERE EXISTS (
        SELECT FROM unnest(ARRAY[30, 90, 365, 1095]) AS kept_days
         WHERE to_regclass(format(
            'public.events_event_%s_%s', kept_days,
            to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead), 'YYYY_MM')
         )) IS NULL
     )
"""
