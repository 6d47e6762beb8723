"""manage.py axes_reset_logs, which works without the owner's URL."""

from axes.management.commands import axes_reset_logs

from retivo.management.as_staff import AsStaff


class Command(AsStaff, axes_reset_logs.Command):  # type: ignore[misc]  # axes carries no types
    pass
