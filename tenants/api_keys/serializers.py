"""Keys on the wire."""

import ipaddress
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Address
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from retivo.api.pagination import CursorField, PageSerializer
from retivo.api.serializers import (
    BooleanField,
    ChoiceField,
    IntegerField,
    QueryIntegerField,
    StrictSerializer,
    StringField,
    TimestampField,
)
from tenants.api_keys.sealing import public_key
from tenants.models import ApiKey, Scope
from tenants.serializers import ApiKeySerializer

MAX_OVERLAP_HOURS = 720
_LABEL_LENGTH = ApiKey._meta.get_field("label").max_length


class FutureField(TimestampField):
    """A moment that is still to come."""

    default_error_messages = {"not_in_future": "Must be in the future."}

    def to_internal_value(self, data: Any) -> Any:
        moment = super().to_internal_value(data)
        if moment <= datetime.now(UTC):
            self.fail("not_in_future")
        return moment


class NetworkField(StringField):
    """A network such as `203.0.113.0/24`, or an address, which is a network of one."""

    default_error_messages = {
        "invalid_network": "Must be a network such as `203.0.113.0/24`, without bits behind its prefix."
    }

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        _, _, prefix = text.partition("/")
        try:
            network = ipaddress.ip_network(text)
        except ValueError:
            self.fail("invalid_network")
        if prefix not in ("", str(network.prefixlen)):  # a mask: `0.0.0.255` is that of 10.0.0.0/24, read in two ways
            self.fail("invalid_network")
        first = network.network_address
        if isinstance(first, IPv6Address):
            if first.scope_id is not None:
                self.fail("invalid_network")
            # Of version 4, if that is what it stands for: so are addresses compared (`retivo.api.address`).
            if first.ipv4_mapped and network.prefixlen >= 96:
                return str(IPv4Network((first.ipv4_mapped, network.prefixlen - 96)))
        return str(network)


@extend_schema_field({"type": "string", "format": "x25519-public-key", "pattern": r"^[A-Za-z0-9+/]{43}=?$"})
class PublicKeyField(StringField):
    """An X25519 public key."""

    default_error_messages = {"invalid_public_key": "Must be an X25519 public key: 32 bytes in Base64."}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            public_key(text)
        except ValueError:
            self.fail("invalid_public_key")
        return text


def _encrypt_to() -> PublicKeyField:
    return PublicKeyField(
        required=False,
        max_length=44,
        help_text="An X25519 public key in Base64. The answer then has `api_key_sealed`, which its secret key opens, "
        "and no `api_key`.",
    )


class KeyListQuerySerializer(StrictSerializer):
    """Query parameters, all optional."""

    limit = QueryIntegerField(
        required=False, default=50, min_value=1, max_value=1000, help_text="The length of a page."
    )
    cursor = CursorField(required=False, help_text="`next_cursor` of the page before.")


class IssueRequestSerializer(StrictSerializer):
    label = StringField(  # type: ignore[assignment]  # a field of this name
        required=False, default="", allow_blank=True, max_length=_LABEL_LENGTH, help_text="Where it will be used."
    )
    scopes = serializers.ListField(
        child=ChoiceField(Scope.choices),
        min_length=1,
        max_length=len(Scope),
        help_text="What it may do: at most what the key may do that issues it.",
    )
    expires_at = FutureField(required=False, help_text="Never by default.")
    allowed_cidrs = serializers.ListField(
        child=NetworkField(max_length=50),
        required=False,
        min_length=1,
        max_length=50,
        help_text="Networks that it may be used from: anywhere by default.",
    )
    encrypt_to = _encrypt_to()


class RelabelRequestSerializer(StrictSerializer):
    label = StringField(required=False, allow_blank=True, max_length=_LABEL_LENGTH)  # type: ignore[assignment]


class RotateRequestSerializer(StrictSerializer):
    overlap_hours = IntegerField(
        required=False,
        default=24,
        min_value=0,
        max_value=MAX_OVERLAP_HOURS,
        help_text="How long the key is let in beside its successor; with 0 it is refused at once.",
    )
    expires_at = FutureField(
        required=False,
        help_text="When the successor expires: never by default. Needed if the calling key expires.",
    )
    encrypt_to = _encrypt_to()


class RevokeAllRequestSerializer(StrictSerializer):
    reissue = BooleanField(
        required=False,
        default=False,
        help_text="Issue a key with all the scopes of those that are revoked; `full` if there were none.",
    )
    encrypt_to = _encrypt_to()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "encrypt_to" in attrs and not attrs["reissue"]:
            raise serializers.ValidationError({"encrypt_to": "There is nothing to encrypt without `reissue`."})
        return attrs


class ConfirmQuerySerializer(StrictSerializer):
    confirm = ChoiceField(
        ["self"], required=False, help_text="`self`, if the key that you are calling with is to be revoked."
    )


class IssuedKeySerializer(ApiKeySerializer):
    api_key = serializers.CharField(required=False, help_text="Its text, returned only once.")
    api_key_sealed = serializers.CharField(
        required=False,
        help_text="With `encrypt_to`, instead of `api_key`: its text in a sealed box of libsodium, in Base64.",
    )


class KeyResponseSerializer(serializers.Serializer[Any]):
    key = ApiKeySerializer()


class IssueResponseSerializer(serializers.Serializer[Any]):
    key = IssuedKeySerializer()


class RotateResponseSerializer(serializers.Serializer[Any]):
    key = IssuedKeySerializer(help_text="The successor.")
    replaced = ApiKeySerializer(help_text="The key that was rotated.")


class RevokeAllResponseSerializer(serializers.Serializer[Any]):
    revoked = serializers.IntegerField(help_text="How many keys.")
    key = IssuedKeySerializer(allow_null=True, help_text="With `reissue`: the new one.")


class KeyListSerializer(PageSerializer):
    api_keys = ApiKeySerializer(many=True)
