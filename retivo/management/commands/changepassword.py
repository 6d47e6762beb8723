"""manage.py changepassword, which works without the owner's URL."""

from django.contrib.auth.management.commands import changepassword

from retivo.management.as_staff import AsStaff


class Command(AsStaff, changepassword.Command):
    pass
