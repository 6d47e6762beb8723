from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "delivery"

    def ready(self) -> None:
        from events.users import kept  # late: it imports models
        from events.users.kept import Kept

        of_user = "SELECT a.id FROM delivery_action a WHERE a.tenant_id = %(tenant_id)s AND a.user_id = %(user_id)s"
        kept.register(
            Kept(name="actions", table="delivery_action", key=("created_at", "id")),
            Kept(
                name="attempts",
                table="delivery_attempt",
                key=("action_id", "number"),
                of_user=f"t.action_id IN ({of_user})",
            ),
        )
