"""Indexes that serve nobody, and the one that a partner's list of its integrations is read by.

Another index begins with the same column, or nothing looks for it. Django makes an index for LIKE beside each text key.
"""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from retivo.database.indexes import WithoutIndex


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the indexes

    dependencies = [
        ("integrations", "0006_who_changes_action_types"),
        ("tenants", "0011_fewer_indexes"),
    ]

    operations = [
        migrations.RunSQL(
            sql="DROP INDEX CONCURRENTLY IF EXISTS integrations_actiontype_id_df908bb3_like",
            reverse_sql="CREATE INDEX CONCURRENTLY IF NOT EXISTS integrations_actiontype_id_df908bb3_like"
            " ON integrations_actiontype (id varchar_pattern_ops)",
        ),
        AddIndexConcurrently(
            model_name="partnerintegration",
            index=models.Index(fields=["tenant", "created_at", "id"], name="integration_listed"),
        ),
        WithoutIndex(
            model_name="actiontype",
            name="integration",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="action_types",
                to="integrations.partnerintegration",
            ),
        ),
        WithoutIndex(
            model_name="actiontype",
            name="partner",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        WithoutIndex(
            model_name="actiontype",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="action_types",
                to="tenants.tenant",
            ),
        ),
        WithoutIndex(
            model_name="actiontypetemplate",
            name="integration",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="templates",
                to="integrations.partnerintegration",
            ),
        ),
        WithoutIndex(
            model_name="integrationshare",
            name="partner",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        WithoutIndex(
            model_name="integrationshare",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="integration_shares",
                to="tenants.tenant",
            ),
        ),
        WithoutIndex(
            model_name="partnerintegration",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="integrations",
                to="tenants.tenant",
            ),
        ),
    ]
