from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "events"

    def ready(self) -> None:
        from events.scoring import formulas as scores  # late: it imports models
        from tenants import config

        config.register("scores", scores.faults)
