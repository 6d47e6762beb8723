"""Staff pages of sharings with all customers: how far each is."""

from integrations.staff.jobs import JobAdmin


class SharingAdmin(JobAdmin):
    bar_title = "Customers that got it"
    list_display = ["id", "integration_link", "partner", "status_badge", "progress", "created_at"]
    fields = [
        "id",
        ("integration_link", "partner"),
        ("status_badge", "asked_by"),
        ("total", "shared"),
        ("created_at", "finished_at"),
    ]
