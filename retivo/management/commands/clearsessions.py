"""manage.py clearsessions, which works without the owner's URL."""

from django.contrib.sessions.management.commands import clearsessions

from retivo.management.as_staff import AsStaff


class Command(AsStaff, clearsessions.Command):  # type: ignore[misc]  # its handle takes options alone
    pass
