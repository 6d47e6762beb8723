"""What a partner holds by an action type's name holds in all of its integrations, later ones and revisions included."""

from django.db import migrations

from retivo.database.sql import InForce

# Creating the triggers locks the table until the migration ends, so nobody turns a switch meanwhile. Where integrations
# differ, because a name came later to one of them, the switch is on since it was first turned.
_ALIKE = """
    WITH said AS (
        SELECT DISTINCT ON (i.tenant_id, n.name, s.switch) i.tenant_id, n.name, s.switch, s.said
        FROM integrations_partnerintegration i
        CROSS JOIN LATERAL jsonb_each(i.held - '*') AS n (name, switches)
        CROSS JOIN LATERAL jsonb_each(n.switches) AS s (switch, said)
        ORDER BY i.tenant_id, n.name, s.switch, s.said ->> 'since', i.id
    ), by_name AS (
        SELECT tenant_id, name, jsonb_object_agg(switch, said) AS switches FROM said GROUP BY tenant_id, name
    ), names AS (
        SELECT tenant_id, jsonb_object_agg(name, switches) AS held FROM by_name GROUP BY tenant_id
    )
    UPDATE integrations_partnerintegration i
    SET held = n.held || CASE WHEN i.held ? '*' THEN jsonb_build_object('*', i.held -> '*') ELSE '{}' END
    FROM names n WHERE n.tenant_id = i.tenant_id AND i.held - '*' <> n.held
"""

# The release before lifts a name where the integration has it, and nowhere else.
_OWN_NAMES = """
    UPDATE integrations_partnerintegration i
    SET held = coalesce((
        SELECT jsonb_object_agg(p.name, p.switches) FROM jsonb_each(i.held) AS p (name, switches)
        WHERE p.name = '*' OR EXISTS (
            SELECT FROM integrations_actiontypetemplate t WHERE t.integration_id = i.id AND t.name = p.name
        )
    ), '{}')
    WHERE i.held - '*' <> '{}'
"""


class Migration(migrations.Migration):
    dependencies = [("integrations", "0026_addresses_at_once")]

    operations = [
        migrations.RunSQL(sql=migrations.RunSQL.noop, reverse_sql=_OWN_NAMES),
        InForce(
            "integrations",
            "hold_names",
            digest="002093d25371",
            reverse_sql=[
                "DROP TRIGGER held_alike ON integrations_partnerintegration",
                "DROP TRIGGER held_from_the_first ON integrations_partnerintegration",
                "DROP FUNCTION hold_names",
            ],
        ),
        migrations.RunSQL(sql=_ALIKE, reverse_sql=migrations.RunSQL.noop),
    ]
