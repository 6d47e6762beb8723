from django.apps import AppConfig


class RetivoConfig(AppConfig):
    name = "retivo"
