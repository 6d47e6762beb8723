"""An external id may have the joiners of words and emoji; what is refused is written out, in no locale's terms."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

_NOT_IN_EXTERNAL_ID = (
    r"\u0001-\u001f\u007f-\u00a0\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u1680\u180e"
    r"\u2000-\u200b\u200e-\u200f\u2028-\u202f\u205f-\u2064\u2066-\u206f\u3000\ue000-\uf8ff\ufeff"
    r"\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U00013438\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0001\U000f0000-\U000ffffd\U00100000-\U0010fffd"
)


def _constraint(pattern: str, name: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=models.Q(external_id=None) | models.Q(parent__isnull=False, external_id__regex=pattern), name=name
    )


class Migration(migrations.Migration):
    dependencies = [("tenants", "0041_bursts")]

    operations = [
        AddConstraintNotValid(
            model_name="tenant",
            constraint=_constraint(f"^[^{_NOT_IN_EXTERNAL_ID}]{{1,255}}$", "tenant_external_id_in_characters"),
        ),
        migrations.RemoveConstraint(model_name="tenant", name="tenant_external_id_of_customer"),
    ]
