"""As tenants.0019: web, workers, staff and releases log in as roles of their own."""

from importlib import import_module

from django.db import migrations

_roles = import_module("tenants.migrations.0019_roles_of_their_own")
_first = import_module("learning.migrations.0007_contribute")
_ledger = import_module("learning.migrations.0009_ledger_of_receipts")

_NEW = ("learning_noisysum", "discrete_gaussian", "happens_by_exp", "uniform_below")
_LATER = dict.fromkeys((*_NEW, "announce_release", "refuse_change", "report_decisions", "worth_of_outcome")) | {
    "contribute": _ledger.CONTRIBUTE,
    "learning_receipt": _first.RECEIPTS,
}


class Migration(migrations.Migration):
    atomic = False  # a file's locks end with it

    dependencies = [("tenants", "0019_roles_of_their_own"), ("learning", "0011_misled_states")]

    operations = [_roles.anew("learning", later=_LATER)]
