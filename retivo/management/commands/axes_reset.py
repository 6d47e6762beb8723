"""manage.py axes_reset, which works without the owner's URL."""

from axes.management.commands import axes_reset

from retivo.management.as_staff import AsStaff


class Command(AsStaff, axes_reset.Command):  # type: ignore[misc]  # axes carries no types
    pass
