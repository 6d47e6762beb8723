from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "events"

    def ready(self) -> None:
        from events.scoring import formulas  # late: it imports models
        from tenants import config

        config.register("scores", formulas.faults)
