"""Public keys on the wire."""

from typing import Any

from rest_framework import serializers


class JsonWebKeySerializer(serializers.Serializer[Any]):
    kty = serializers.ChoiceField(["OKP"])
    crv = serializers.ChoiceField(["Ed25519"])
    alg = serializers.ChoiceField(["EdDSA"])
    use = serializers.ChoiceField(["sig"])
    kid = serializers.CharField(help_text="As a signature's header names it: the RFC 7638 thumbprint.")
    x = serializers.CharField(help_text="The public key in base64url.")


class JsonWebKeySetSerializer(serializers.Serializer[Any]):
    keys = JsonWebKeySerializer(many=True)
