"""manage.py createsuperuser, which works without the owner's URL."""

from django.contrib.auth.management.commands import createsuperuser

from retivo.management.as_staff import AsStaff


class Command(AsStaff, createsuperuser.Command):
    pass
