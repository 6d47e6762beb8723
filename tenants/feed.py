"""A partner's events as it is shown them, in its feed and by its webhooks."""

# The columns of `tenants_partnerevent e` as JSON. Of staff no name is told.
WIRE = """(
    left(json_build_object(
        'id', e.id, 'seq', e.seq, 'type', e.type, 'version', e.version,
        'created_at', to_char(e.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'customer', CASE WHEN e.customer_id IS NOT NULL
            THEN json_build_object('tenant_id', e.customer_id, 'external_id', e.external_id) END,
        'actor', CASE split_part(e.actor, ':', 1)
            WHEN 'api_key' THEN json_build_object('type', 'api_key', 'id', substr(e.actor, 9))
            WHEN 'client_token' THEN json_build_object('type', 'client_token', 'id', substr(e.actor, 14))
            WHEN 'staff' THEN json_build_object('type', 'staff')
            WHEN 'command' THEN json_build_object('type', 'staff')
            ELSE json_build_object('type', 'system') END,
        'request_id', nullif(e.request_id, ''),
        'data', e.data
    )::text, -1) || coalesce(', "previous" : ' || e.previous::text, '') || '}'
)"""

DAYS_KEPT = 90  # a test holds the database's function forget_partner_events and the docs to it
