"""A partner is told of a release once."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_former = import_module("learning.migrations.0018_announce_release")


class Migration(migrations.Migration):
    dependencies = [("learning", "0019_patterns_stay")]

    operations = [
        InForce("learning", "announce_release", digest="17998331be3a", reverse_sql=[_former.ANNOUNCE_RELEASE]),
    ]
