from django.apps import AppConfig


class DecisionsConfig(AppConfig):
    name = "decisions"

    def ready(self) -> None:
        from decisions.recommending import rules  # late: they import models
        from tenants import config

        config.register("guardrails", rules.guardrails_faults)
        config.register("conversion", rules.conversion_faults)
        config.register("timezone", rules.timezone_faults)
