"""What stands for a value in a path."""

from django.urls import register_converter
from django.urls.converters import UUIDConverter


class AnyUUIDConverter(UUIDConverter):
    """A uuid as any client writes it; Django's own converter takes lower case alone."""

    regex = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


register_converter(AnyUUIDConverter, "any_uuid")
