from django.apps import AppConfig


class RetivoConfig(AppConfig):
    name = "retivo"

    def ready(self) -> None:
        from django.core.signals import request_finished, request_started
        from django.db import close_old_connections, reset_queries
        from django.db.backends.signals import connection_created

        from retivo.api import security_txt  # noqa: F401 - registers the check
        from retivo.database import checks  # noqa: F401 - registers the check
        from retivo.metrics import measures
        from retivo.threads import places

        # The first did the same when the request before was finished; the second empties a log that DEBUG alone fills.
        request_started.disconnect(close_old_connections)
        request_started.disconnect(reset_queries)
        # The server closes each answer when it has sent it, or has failed to.
        request_finished.connect(lambda **_: places.leave(), weak=False, dispatch_uid="retivo.threads")
        connection_created.connect(measures.time_statements, dispatch_uid="retivo.metrics")
