"""Every audit entry has its place in the chain of its family: those from before, too, in the order of their ids.

In steps, each a transaction of its own, that go on where an interrupted `migrate` stopped. Meanwhile entries wait at
their COMMIT for one step at most.
"""

from importlib import import_module
from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from retivo.database.sql import InForce

_chain = import_module("tenants.migrations.0018_audit_chain")
_events = import_module("tenants.migrations.0023_partner_events")

_FAMILY_SEQ = models.UniqueConstraint(
    fields=("family_id", "family_seq"),
    condition=models.Q(("family_seq__isnull", False)),
    name="audit_family_seq_unique",
)
_IN_A_FAMILY = models.Q(("family_id__isnull", False))

_NEXT = "SELECT max(id) FROM (SELECT id FROM tenants_auditentry WHERE id > %s ORDER BY id LIMIT 1000) page"
_LINK = """
    DO $$
    DECLARE
        entry public.tenants_auditentry;
    BEGIN
        PERFORM FROM public.tenants_audithead FOR UPDATE;
        FOR entry IN
            SELECT * FROM public.tenants_auditentry
            WHERE id > {after} AND id <= {last} AND family_seq IS NULL AND tenant_id IS NOT NULL ORDER BY id
        LOOP
            entry := public.link_audit_entry(entry);
            UPDATE public.tenants_auditentry SET
                family_id = entry.family_id,
                family_seq = entry.family_seq,
                family_previous_hash = entry.family_previous_hash,
                family_hash = entry.family_hash,
                content_hash = entry.content_hash,
                shown_actor = entry.shown_actor
            WHERE id = entry.id;
        END LOOP;
    END
    $$
"""


def link(_apps: Any, schema_editor: Any) -> None:
    after = 0
    with schema_editor.connection.cursor() as cursor:
        while True:
            cursor.execute(_NEXT, [after])
            (last,) = cursor.fetchone()
            if last is None:
                return
            cursor.execute(_LINK.format(after=after, last=last))
            after = last


def _index(name: str, *fields: str) -> AddIndexConcurrently:
    return AddIndexConcurrently(
        model_name="auditentry", index=models.Index(fields=fields, name=name, condition=_IN_A_FAMILY)
    )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("tenants", "0038_audit_families")]

    operations = [
        migrations.RunSQL(
            sql=[
                "DROP INDEX CONCURRENTLY IF EXISTS audit_family_seq_unique",
                "CREATE UNIQUE INDEX CONCURRENTLY audit_family_seq_unique ON tenants_auditentry (family_id, family_seq)"
                " WHERE family_seq IS NOT NULL",
            ],
            reverse_sql="DROP INDEX CONCURRENTLY IF EXISTS audit_family_seq_unique",
            state_operations=[migrations.AddConstraint("auditentry", _FAMILY_SEQ)],
        ),
        migrations.RunPython(link, migrations.RunPython.noop),
        InForce(
            "tenants",
            "chain_entry",
            digest="df0306296c0f",
            reverse_sql=[_chain.CHAIN_ENTRY],
        ),
        # What was committed after the first walk and before the trigger.
        migrations.RunPython(link, migrations.RunPython.noop),
        _index("audit_of_family", "family_id", "created_at", "id"),
        _index("audit_of_family_by_action", "family_id", "action", "created_at", "id"),
        _index("audit_of_family_by_actor", "family_id", "shown_actor", "created_at", "id"),
        _index("audit_of_tenant", "tenant_id", "created_at", "id"),
        InForce(
            "tenants",
            "tenants_auditentry",
            digest="08e42b57859b",
            reverse_sql=[
                "DROP POLICY shown ON tenants_auditentry",
                "REVOKE SELECT ON tenants_auditentry FROM app_web",
                _events.TENANTS_AUDITENTRY,
            ],
        ),
        InForce(
            "tenants",
            "refuse_change_of_entry",
            digest="0616a9625712",
            reverse_sql=[
                "DROP TRIGGER entries_stay ON tenants_auditentry",
                "DROP TRIGGER checkpoints_stay ON tenants_auditcheckpoint",
                "DROP FUNCTION refuse_change_of_entry",
            ],
        ),
    ]
