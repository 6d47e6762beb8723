"""Who may sign on with what the provider says of them. Whatever is not as it should be is a refusal, and in the log."""

import json
from typing import Any

import jwt
import structlog
from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, User
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from mozilla_django_oidc.auth import OIDCAuthenticationBackend
from requests import RequestException
from urllib3.exceptions import HTTPError

from tenants.accounts import services
from tenants.sign_on.provider import ask

log = structlog.get_logger("retivo.staff.logins")

# A token, a key set or claims that are not what OpenID Connect says. RecursionError: their JSON is too deep.
_MALFORMED = (jwt.PyJWTError, KeyError, TypeError, ValueError, AttributeError, RecursionError)


class Backend(OIDCAuthenticationBackend):  # type: ignore[misc]  # it carries no types
    """Staff by their username, which the claim `OIDC_USERNAME_CLAIM` tells.

    With `OIDC_STAFF_GROUP` only members of that group may sign on, and who has no account yet gets one that may look.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        if not credentials.get("nonce"):
            return None  # it is a password that is asked about
        try:
            user: User | None = super().authenticate(request, **credentials)
        except (RequestException, HTTPError, SuspiciousOperation, *_MALFORMED) as error:
            # Not its text, which may hold a token.
            log.warning("staff_sign_on_failed", reason=type(error).__name__)
            return None
        return user

    def verify_token(self, token: str, **kwargs: Any) -> Any:
        """Raises SuspiciousOperation: it is not of our provider, not for us, or would be good for ever."""
        claims = super().verify_token(token, **kwargs)
        client, audience = settings.OIDC_RP_CLIENT_ID, claims["aud"]
        is_for_us = client in ([audience] if isinstance(audience, str) else audience)
        if claims["iss"] != settings.OIDC_ISSUER or not is_for_us or claims.get("azp", client) != client:
            raise SuspiciousOperation("The token is of another provider, or for another client.")
        if "exp" not in claims:
            raise SuspiciousOperation("The token never expires.")
        return claims

    # The library's own three questions to the provider would read answers of any length for any time.

    def get_token(self, payload: dict[str, Any]) -> Any:
        return json.loads(ask("POST", self.OIDC_OP_TOKEN_ENDPOINT, data=payload))

    def retrieve_matching_jwk(self, token: str) -> jwt.PyJWK:
        header = jwt.get_unverified_header(token)
        for key in json.loads(ask("GET", self.OIDC_OP_JWKS_ENDPOINT))["keys"]:
            if key["kid"] == header["kid"] and key.get("alg", header["alg"]) == header["alg"]:
                return jwt.PyJWK(key)
        raise SuspiciousOperation("The provider has no such key.")

    def get_userinfo(self, access_token: str, id_token: str, payload: dict[str, Any]) -> dict[str, Any]:
        said = ask("GET", self.OIDC_OP_USER_ENDPOINT, headers={"Authorization": f"Bearer {access_token}"})
        # Claims may be a token, too.
        claims: dict[str, Any] = self.verify_token(said) if said.startswith("eyJ") else json.loads(said)
        if claims["sub"] != payload["sub"]:
            raise SuspiciousOperation("The claims are of somebody else.")
        return claims

    def verify_claims(self, claims: dict[str, Any]) -> bool:
        # Anyone may say of themselves that an address is theirs.
        is_verified = settings.OIDC_USERNAME_CLAIM != "email" or claims.get("email_verified") is True
        groups, wanted = claims.get(settings.OIDC_GROUPS_CLAIM), settings.OIDC_STAFF_GROUP
        return is_verified and (not wanted or (isinstance(groups, list) and wanted in groups))

    def filter_users_by_claims(self, claims: dict[str, Any]) -> QuerySet[User]:
        return User.objects.filter(username=_username(claims))

    def update_user(self, user: User, claims: dict[str, Any]) -> User:
        if not (user.is_active and user.is_staff):
            raise SuspiciousOperation("This account may not log in.")
        return user

    def create_user(self, claims: dict[str, Any]) -> User:
        """Asked for where `OIDC_STAFF_GROUP` is set, of its members alone."""
        actor = "sign-on"
        try:
            user = services.create_user(actor=actor, username=_username(claims), password=None)
        except ValidationError as error:
            raise SuspiciousOperation("No account can have this name.") from error
        changes = {"is_staff": True, "groups": Group.objects.filter(name="viewer")}
        return services.change_user(actor=actor, by=None, user_id=user.pk, changes=changes)

    def get_user(self, user_id: int) -> User | None:
        """Not the library's, whose users stay logged in after they were deactivated."""
        return ModelBackend.get_user(self, user_id)


def _username(claims: dict[str, Any]) -> str:
    name = claims[settings.OIDC_USERNAME_CLAIM]
    if not isinstance(name, str) or "\0" in name:
        raise SuspiciousOperation("The claim holds no name.")
    return name
