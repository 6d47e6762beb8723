"""Keys may hold scopes of which each is a part of `full` or of `partner`.

Longer texts in an array are a new type to PostgreSQL, which writes the table anew: some milliseconds for 10,000 keys.
"""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

_FULL = ["events:write", "users:read", "users:write", "decisions:write", "outcomes:write", "playbooks:write"]
_FULL += ["settings:write", "keys:manage"]
_PARTNER = ["partner:read", "partner:customers", "partner:integrations", "partner:keys", "partner:switches"]
_SCOPES = ["full", *_FULL, "partner", *_PARTNER]


class Migration(migrations.Migration):
    dependencies = [("tenants", "0019_roles_of_their_own")]

    operations = [
        migrations.RunSQL(
            sql="ALTER TABLE tenants_apikey ALTER COLUMN scopes TYPE varchar(32)[]",
            # Of a key that holds a longer one, nothing could be made.
            reverse_sql=migrations.RunSQL.noop,
            state_operations=[
                migrations.AlterField(
                    model_name="apikey",
                    name="scopes",
                    field=ArrayField(
                        base_field=models.CharField(
                            choices=[(scope, scope.replace(":", " ").title()) for scope in _SCOPES], max_length=32
                        )
                    ),
                ),
            ],
        ),
        AddConstraintNotValid(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(scopes__contained_by=_SCOPES, scopes__len__gt=0), name="api_key_scopes_in_list"
            ),
        ),
        migrations.RunSQL(
            sql="ALTER TABLE tenants_apikey DROP CONSTRAINT api_key_scopes_known",
            reverse_sql="""
                ALTER TABLE tenants_apikey ADD CONSTRAINT api_key_scopes_known
                    CHECK (scopes <@ ARRAY['full', 'partner']::varchar(16)[] AND array_length(scopes, 1) > 0) NOT VALID
            """,
            state_operations=[migrations.RemoveConstraint(model_name="apikey", name="api_key_scopes_known")],
        ),
    ]
