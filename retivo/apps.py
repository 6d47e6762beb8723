from django.apps import AppConfig


class RetivoConfig(AppConfig):
    name = "retivo"

    def ready(self) -> None:
        from django.core.signals import request_finished

        from retivo.database import checks  # noqa: F401 - registers the check
        from retivo.threads import places

        # The server closes each answer when it has sent it, or has failed to.
        request_finished.connect(lambda **_: places.leave(), weak=False, dispatch_uid="retivo.threads")
