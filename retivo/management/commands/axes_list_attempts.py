"""manage.py axes_list_attempts, which works without the owner's URL."""

from axes.management.commands import axes_list_attempts

from retivo.management.as_staff import AsStaff


class Command(AsStaff, axes_list_attempts.Command):  # type: ignore[misc]  # axes carries no types
    pass
