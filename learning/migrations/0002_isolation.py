"""Who sees which row: the tenant its own. What holds a state's matrices to its lists, and an example to its user."""

from django.db import migrations

from retivo.database.rls import isolate

_OWN = "tenant_id = {tenant}"

_SIZES = """
    ALTER TABLE learning_modelstate ADD CONSTRAINT model_state_sizes CHECK (
        octet_length(mean) = 4 * (1 + cardinality(actions)) * cardinality(features)
        AND octet_length(prior_precision) = octet_length(mean)
        AND octet_length(information)
            = 4 * cardinality(actions) * (cardinality(features) * (cardinality(features) + 1) / 2)
        AND octet_length(scales) = 8 * 3 * cardinality(features)
        AND cardinality(trials) = cardinality(actions) AND cardinality(rewards) = cardinality(actions)
    )
"""

_USER = """
    ALTER TABLE learning_example ADD CONSTRAINT example_user FOREIGN KEY (tenant_id, user_id)
    REFERENCES events_trackeduser (tenant_id, user_id) ON DELETE CASCADE
"""


class Migration(migrations.Migration):
    dependencies = [("learning", "0001_initial"), ("events", "0003_isolation")]

    operations = [
        isolate("learning_modelstate", visible=_OWN, grants="SELECT, INSERT, UPDATE"),
        isolate("learning_example", visible=_OWN, grants="SELECT, INSERT, UPDATE"),
        migrations.RunSQL(
            sql=[_SIZES, _USER],
            reverse_sql=[
                "ALTER TABLE learning_example DROP CONSTRAINT example_user",
                "ALTER TABLE learning_modelstate DROP CONSTRAINT model_state_sizes",
            ],
        ),
    ]
