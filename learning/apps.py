from typing import Any

from django.apps import AppConfig

from retivo.api.errors import FieldError


class LearningConfig(AppConfig):
    name = "learning"

    def ready(self) -> None:
        from events.users import kept  # late: they import models
        from events.users.kept import Kept
        from learning.patterns import checks  # noqa: F401 - registers the checks
        from tenants import config

        config.register("features", _faults)
        kept.register(
            Kept(name="remembered_decisions", table="learning_remembereddecision", key=("decision_id",)),
            Kept(name="examples", table="learning_example", key=("decision_id",)),
        )


def _faults(value: Any) -> list[FieldError]:
    from learning.model import features  # late: it imports models

    return [
        FieldError(pointer=fault.pointer.removeprefix("/features"), code="invalid_features", detail=fault.detail)
        for fault in features.declared({"features": value})[1]
    ]
