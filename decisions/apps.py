from django.apps import AppConfig


class DecisionsConfig(AppConfig):
    name = "decisions"

    def ready(self) -> None:
        from decisions.recommending import rules  # late: they import models
        from events.users import kept
        from events.users.kept import Kept
        from tenants import config

        config.register("guardrails", rules.guardrails_faults)
        config.register("conversion", rules.conversion_faults)
        config.register("timezone", rules.timezone_faults)
        kept.register(
            Kept(name="decisions", table="decisions_decision", key=("created_at", "id")),
            Kept(name="interventions", table="decisions_intervention", key=("planned_at", "id")),
            Kept(name="playbook_entries", table="decisions_playbookentry", key=("playbook_id",)),
        )
