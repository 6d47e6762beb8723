"""What was registered before has the kind that its name and description propose.

In steps, each a transaction of its own: no row is locked for long. Run again, it finds less to do. What the release
before registers beside this one has no kind until its partner publishes or declares something of it.
"""

from typing import Any
from uuid import UUID

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations

from integrations.taxonomy.proposal import propose

_STEP = 500

_OF_PARTNERS = """
    SELECT t.id, i.domain, t.name, coalesce((
        SELECT m.description FROM integrations_revisiontemplate m WHERE m.template_id = t.id
        ORDER BY m.revision DESC LIMIT 1
    ), t.description)
    FROM integrations_actiontypetemplate t JOIN integrations_partnerintegration i ON i.id = t.integration_id
    WHERE t.id > %s ORDER BY t.id LIMIT %s
"""
_SET_OF_PARTNERS = """
    UPDATE integrations_actiontypetemplate t SET kind = n.kind
    FROM unnest(%s::uuid[], %s::text[]) AS n (id, kind)
    WHERE t.id = n.id AND t.kind_source = 'proposed' AND t.kind IS DISTINCT FROM n.kind
"""

_OWN = """
    SELECT id, domain, name, description FROM integrations_actiontype
    WHERE id > %s AND integration_id IS NULL ORDER BY id LIMIT %s
"""
_SET_OWN = """
    UPDATE integrations_actiontype a SET kind = n.kind, kind_source = 'proposed'
    FROM unnest(%s::text[], %s::text[]) AS n (id, kind)
    WHERE a.id = n.id AND a.kind_source IS NULL
"""


def propose_all(_apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        _propose(cursor, _OF_PARTNERS, _SET_OF_PARTNERS, first=UUID(int=0))
        _propose(cursor, _OWN, _SET_OWN, first="")


def _propose(cursor: Any, read: str, write: str, *, first: object) -> None:
    cursor.execute(read, [first, _STEP])
    while rows := cursor.fetchall():
        kinds = [propose(domain=domain, name=name, description=text) for _, domain, name, text in rows]
        cursor.execute(write, [[id for id, *_ in rows], kinds])
        cursor.execute(read, [rows[-1][0], _STEP])


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("integrations", "0030_kinds_of_own")]

    operations = [
        ValidateConstraint(model_name="actiontypetemplate", name="template_kind_format"),
        ValidateConstraint(model_name="actiontypetemplate", name="template_kind_source_known"),
        ValidateConstraint(model_name="actiontype", name="action_type_shared_without_kind"),
        migrations.RunPython(propose_all, migrations.RunPython.noop),
    ]
