"""A tenant may have action types of its own. Back again only while nobody has registered one."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0004_estimated_cost"),
        ("tenants", "0006_answer_about"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="actiontype",
            name="action_type_name_unique",
        ),
        migrations.AddField(
            model_name="actiontype",
            name="encrypted_previous_secret",
            field=models.BinaryField(help_text="Signs too, for a while", null=True),
        ),
        migrations.AddField(
            model_name="actiontype",
            name="encrypted_webhook_secret",
            field=models.BinaryField(help_text="See retivo.encryption", null=True),
        ),
        migrations.AddField(
            model_name="actiontype",
            name="previous_secret_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="actiontypetemplate",
            name="estimated_cost_usd",
            field=models.DecimalField(blank=True, decimal_places=4, max_digits=10, null=True),
        ),
        migrations.AlterField(
            model_name="actiontype",
            name="integration",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="action_types",
                to="integrations.partnerintegration",
            ),
        ),
        migrations.AlterField(
            model_name="actiontype",
            name="partner",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AlterField(
            model_name="actiontype",
            name="template",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="integrations.actiontypetemplate",
            ),
        ),
        # By provider, not by integration: an own one and a shared one are told apart by name, too.
        migrations.AddConstraint(
            model_name="actiontype",
            constraint=models.UniqueConstraint(
                fields=("tenant", "provider", "name"), name="action_type_name_unique_in_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="actiontype",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("encrypted_webhook_secret__isnull", False),
                        ("integration", None),
                        ("partner", None),
                        ("template", None),
                    ),
                    models.Q(
                        ("encrypted_previous_secret", None),
                        ("encrypted_webhook_secret", None),
                        ("integration__isnull", False),
                        ("partner__isnull", False),
                        ("previous_secret_until", None),
                        ("template__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="action_type_own_or_shared",
            ),
        ),
        migrations.AddConstraint(
            model_name="actiontype",
            constraint=models.CheckConstraint(
                condition=models.Q(("name__regex", "^[a-z][a-z0-9]*(_[a-z0-9]+)*$")), name="action_type_name_format"
            ),
        ),
        migrations.AddConstraint(
            model_name="actiontype",
            constraint=models.CheckConstraint(
                condition=models.Q(("provider__regex", "^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$")),
                name="action_type_provider_format",
            ),
        ),
    ]
