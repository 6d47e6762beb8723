"""Who has a second factor, and which codes are right. django-otp keeps the devices, and throttles guesses of codes.

A user has at most one authenticator app (`TOTPDevice`) and one set of recovery codes (`StaticDevice`). A code works
once. After a wrong one the device takes no other for a second, then for two, four, and so on until one is right.
"""

import hashlib
import math
import re
import secrets
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from tenants import outbox

RECOVERY_CODES = 10

_WRONG = "This code is wrong, or it was used before. Wait for the next one."


class ThrottledError(Exception):
    """No code is taken for now. `seconds` says for how long."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def is_enrolled(user: User) -> bool:
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


def recovery_codes_left(user: User) -> int:
    return int(StaticToken.objects.filter(device__user=user).count())


def new_secret() -> str:
    """What app and server share, in hexadecimal, until `enrol` keeps it."""
    return secrets.token_hex(20)


def app_url(user: User, secret: str) -> str:
    """The `otpauth:` URL of the QR code, which holds the secret."""
    return str(TOTPDevice(user=user, key=secret).config_url)


@transaction.atomic
def enrol(*, actor: str, user: User, secret: str, code: str) -> tuple[Any, list[str]]:
    """Keep the app that has the secret. The device, and the recovery codes, which are shown this once.

    Raises:
        ValidationError: the app's code is wrong, or the user has an app already.
    """
    User.objects.select_for_update().get(pk=user.pk)  # one after the other
    if is_enrolled(user):
        raise ValidationError("You have an authenticator app already. Remove it first.")
    code, device = _plain(code), TOTPDevice(user=user, name="app", key=secret)
    if not _is_code(code) or not TOTP(device.bin_key).verify(int(code), tolerance=device.tolerance):
        raise ValidationError("This is not the code that the app shows now. Check the clock of its device.")
    device.save()
    device.verify_token(code)  # used up
    _record(actor, "second_factor_enrolled", user)
    return device, _make_codes(user)


def verify(*, user: User, code: str) -> Any:
    """The device whose code this is. The code is used up.

    In the caller's transaction, which has to be committed for a wrong code, too: it counts.

    Raises:
        ValidationError: the code is wrong, or was used before.
        ThrottledError: too many were wrong lately.
    """
    code = _plain(code)
    kind, text = (TOTPDevice, code) if _is_code(code) else (StaticDevice, _digest(code))
    # Locked: guesses that come at once are counted one after the other.
    device = kind.objects.select_for_update().filter(user=user, confirmed=True).first()
    if device is None:
        raise ValidationError(_WRONG)
    is_allowed, why = device.verify_is_allowed()
    if not is_allowed:
        raise ThrottledError(math.ceil((why["locked_until"] - timezone.now()).total_seconds()))
    if not device.verify_token(text):
        raise ValidationError(_WRONG)
    return device


@transaction.atomic
def new_recovery_codes(*, actor: str, user: User) -> list[str]:
    """Ten codes in place of those there were; shown this once."""
    StaticDevice.objects.filter(user=user).delete()
    _record(actor, "recovery_codes_made", user)
    return _make_codes(user)


@transaction.atomic
def remove(*, actor: str, user: User, verb: str = "removed") -> bool:
    """Take away the app and the recovery codes. Whether there were any."""
    count, _ = TOTPDevice.objects.filter(user=user).delete()
    count += StaticDevice.objects.filter(user=user).delete()[0]
    if count:
        _record(actor, f"second_factor_{verb}", user)
    return bool(count)


def reset(*, actor: str, username: str) -> bool:
    """The same for somebody who lost the device. Raises User.DoesNotExist."""
    return remove(actor=actor, user=User.objects.get(username=username), verb="reset")


def _make_codes(user: User) -> list[str]:
    # 80 bits each; what is stored is a digest.
    codes = [secrets.token_hex(10) for _ in range(RECOVERY_CODES)]
    device = StaticDevice.objects.create(user=user, name="recovery codes")
    StaticToken.objects.bulk_create([StaticToken(device=device, token=_digest(code)) for code in codes])
    return ["-".join(re.findall(".{5}", code)) for code in codes]


def _digest(code: str) -> str:
    """As long as `StaticToken.token` may be."""
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def _plain(code: str) -> str:
    """As it is kept, however it was typed."""
    return re.sub(r"[\s-]", "", code).lower()


def _is_code(code: str) -> bool:
    return re.fullmatch(r"[0-9]{6}", code) is not None


def _record(actor: str, verb: str, user: User) -> None:
    about: dict[str, Any] = {"user": {"id": user.pk, "name": user.get_username()}}
    outbox.record(actor=actor, action=f"staff_user.{verb}", tenant_id=None, **about)
