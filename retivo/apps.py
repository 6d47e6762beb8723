from django.apps import AppConfig


class RetivoConfig(AppConfig):
    name = "retivo"

    def ready(self) -> None:
        from retivo.database import checks  # noqa: F401 - registers the check
