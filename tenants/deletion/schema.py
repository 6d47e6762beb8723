"""What OpenAPI says of the keys that certificates are signed with."""

from retivo.api.operation import operation
from tenants.deletion import serializers

list_keys = operation(
    "listCertificateKeys",
    "List the keys of certificates",
    "The public keys that certificates of deletion are signed with, or were, as a JSON Web Key Set (RFC 7517), the "
    "newest first. No API key is needed.",
    scope=None,
    tag="Service",
    answers=serializers.JsonWebKeySetSerializer,
    example={
        "keys": [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "alg": "EdDSA",
                "use": "sig",
                "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            }
        ]
    },
    forbidden=None,
)
