"""manage.py axes_reset_ip_username, which works without the owner's URL."""

from axes.management.commands import axes_reset_ip_username

from retivo.management.as_staff import AsStaff


class Command(AsStaff, axes_reset_ip_username.Command):  # type: ignore[misc]  # axes carries no types
    pass
