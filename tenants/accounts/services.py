"""Changes to staff accounts, which are Django's users and groups. Each is one transaction and one audit entry.

`by` is the person who makes the change, or None for a command: whoever runs one can write to the database anyway.
Nobody may grant permissions that they do not have, or change an account that has more permissions than they do.
Otherwise anyone who may edit users could become a superuser, or set a superuser's password. Users are never deleted or
renamed, so that a name in the trail always means the same person; deactivating a user takes away all access.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.signals import post_save

from tenants import outbox
from tenants.accounts import groups

USER_FIELDS = ("first_name", "last_name", "email", "is_active", "is_staff", "is_superuser")
USER_SETS = ("groups", "user_permissions")
GROUP_FIELDS = ("name",)
GROUP_SETS = ("permissions",)

Account = User | Group

# --- Users ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def create_user(*, actor: str, username: str, password: str | None, is_superuser: bool = False) -> User:
    """A user who may not log in yet, or a superuser. Without a password the account is for single sign-on.

    Raises:
        ValidationError: the name is not valid, or it is taken.
    """
    user = User(username=username, is_staff=is_superuser, is_superuser=is_superuser)
    user.set_password(password)
    _insert(user, taken={"username": "A user with that username already exists."})
    _record_created(actor, user)
    return user


def check_user(*, by: User | None, user_id: int, changes: Mapping[str, Any]) -> User:
    """The user, locked, whom `by` may change in this way.

    Raises:
        User.DoesNotExist: there is none.
        ValidationError: `by` may not, or no superuser would be left who can log in.
    """
    # All superusers, in one order: two who demote each other at once do it one after the other.
    locked = User.objects.select_for_update().filter(Q(pk=user_id) | Q(is_superuser=True)).order_by("pk")
    users = {user.pk: user for user in locked}
    if user_id not in users:
        raise User.DoesNotExist
    user = users.pop(user_id)
    granted = Q(pk__in=_keys(changes.get("user_permissions", ()))) | Q(group__in=_keys(changes.get("groups", ())))
    _refuse_more_than_own(
        by, superuser=user.is_superuser or changes.get("is_superuser", False), held=_held_by(user) | granted
    )
    stays = all(changes.get(name, True) for name in ("is_superuser", "is_active", "is_staff"))
    if _is_able_superuser(user) and not stays and not any(map(_is_able_superuser, users.values())):
        raise ValidationError(f"{user} is the last active superuser. Make someone else a superuser first.")
    return user


@transaction.atomic
def change_user(*, actor: str, by: User | None, user_id: int, changes: Mapping[str, Any]) -> User:
    """Change `USER_FIELDS` and `USER_SETS` of a user. `changes` maps their names to new values.

    Raises:
        User.DoesNotExist, ValidationError: as `check_user`, or a value is not valid.
    """
    user = check_user(by=by, user_id=user_id, changes=changes)
    _change(actor, user, changes)
    return user


@transaction.atomic
def set_password(*, actor: str, by: User | None, user_id: int, password: str) -> User:
    """Set a password, which the caller has held to the validators. All other sessions of the user end.

    Raises:
        User.DoesNotExist, ValidationError: as `check_user`.
    """
    user = check_user(by=by, user_id=user_id, changes={})
    user.set_password(password)
    user.save(update_fields=["password"])
    _record(actor, "password_changed", user)
    return user


@contextmanager
def recording(*, actor: str) -> Iterator[None]:
    """Record the users that Django's own commands make inside, and those whose passwords they change.

    By a signal, because what else changes while a command waits for its prompt is not the command's.
    """

    def note(*, instance: User, created: bool, **_: Any) -> None:
        if created:
            _record_created(actor, instance)
        else:
            _record(actor, "password_changed", instance)

    post_save.connect(note, sender=User, weak=False)
    try:
        yield
    finally:
        post_save.disconnect(note, sender=User)


# --- Groups ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def create_group(*, actor: str, name: str) -> Group:
    """A group that holds nothing yet. Raises ValidationError: the name is not valid, or it is taken."""
    group = Group(name=name)
    _insert(group, taken={"name": "Group with this name already exists."})
    _record(actor, "created", group)
    return group


def check_group(*, by: User | None, group_id: int, changes: Mapping[str, Any]) -> Group:
    """The group, locked, which `by` may change in this way, or delete.

    Raises:
        Group.DoesNotExist: there is none.
        ValidationError: it is one of `groups.NAMES`, or `by` may not.
    """
    group = Group.objects.select_for_update().get(pk=group_id)
    if group.name in groups.NAMES:
        raise ValidationError(f"Each migration rewrites the group {group}. Add another group instead.")
    granted = Q(pk__in=_keys(changes.get("permissions", ())))
    _refuse_more_than_own(by, superuser=False, held=_held_by(group) | granted)
    return group


@transaction.atomic
def change_group(*, actor: str, by: User | None, group_id: int, changes: Mapping[str, Any]) -> Group:
    """Change `GROUP_FIELDS` and `GROUP_SETS` of a group. `changes` maps their names to new values.

    Raises:
        Group.DoesNotExist, ValidationError: as `check_group`, or a value is not valid.
    """
    group = check_group(by=by, group_id=group_id, changes=changes)
    _change(actor, group, changes)
    return group


@transaction.atomic
def delete_group(*, actor: str, by: User | None, group_id: int) -> None:
    """Delete a group, and so take what it holds from its members, whom the entry names.

    Raises:
        Group.DoesNotExist, ValidationError: as `check_group`.
    """
    group = check_group(by=by, group_id=group_id, changes={})
    members = list(group.user_set.order_by("username").values_list("username", flat=True))
    _record(actor, "deleted", group, members=members, **_shown(group))
    group.delete()


@transaction.atomic
def sync_groups(*, actor: str) -> None:
    """Give each of `groups.NAMES` exactly its permissions, after each migration, as models come and go.

    Safe to repeat: what stands already is no change, and leaves no entry.
    """
    for name, permissions in groups.permissions().items():
        group, created = Group.objects.get_or_create(name=name)
        if created:
            _record(actor, "created", group)
        _change(actor, group, {"permissions": permissions})


# --- What `by` may ----------------------------------------------------------------------------------------------------


def covers(by: User, account: Account) -> bool:
    """Whether `by` holds all that the account holds."""
    is_superuser = isinstance(account, User) and account.is_superuser
    return by.is_superuser or not (is_superuser or _missing(by, _held_by(account)))


def _refuse_more_than_own(by: User | None, *, superuser: bool, held: Q) -> None:
    if by is None or by.is_superuser:
        return
    if superuser:
        raise ValidationError("Only a superuser may make someone a superuser, or change one.")
    if missing := _missing(by, held):
        raise ValidationError(f"You do not have these permissions yourself: {', '.join(missing)}.")


def _missing(by: User, held: Q) -> list[str]:
    return sorted(set(_names(Permission.objects.filter(held))) - by.get_all_permissions())


def _held_by(account: Account) -> Q:
    # Not `get_all_permissions`: one who is not active holds nothing by that, until he is active again.
    return Q(user=account) | Q(group__user=account) if isinstance(account, User) else Q(group=account)


def _is_able_superuser(user: User) -> bool:
    return user.is_superuser and user.is_active and user.is_staff and user.has_usable_password()


# --- Writing ----------------------------------------------------------------------------------------------------------


def _insert(account: Account, *, taken: dict[str, str]) -> None:
    account.full_clean()
    try:
        with transaction.atomic():
            account.save(force_insert=True)
    except IntegrityError as error:  # another one came in between
        raise ValidationError(taken) from error


def _change(actor: str, account: Account, changes: Mapping[str, Any]) -> None:
    before = _shown(account)
    fields, sets = (USER_FIELDS, USER_SETS) if isinstance(account, User) else (GROUP_FIELDS, GROUP_SETS)
    plain = [name for name in fields if name in changes]
    for name in plain:
        setattr(account, name, changes[name])
    account.clean_fields(exclude=[field.name for field in account._meta.fields if field.name not in plain])
    account.validate_unique()
    if plain:
        try:
            with transaction.atomic():
                account.save(update_fields=plain)
        except IntegrityError as error:  # another one came in between
            raise ValidationError("Another one has this name already.") from error
    for name in sets:
        if name in changes:
            getattr(account, name).set(_held(changes[name]))
    after = _shown(account)
    changed = {name: {"from": before[name], "to": after[name]} for name in before if before[name] != after[name]}
    if changed:
        _record(actor, "changed", account, changes=changed)


def _held(rows: Iterable[Any]) -> list[Any]:
    """The rows, locked against deletion until the commit, where their foreign keys are checked."""
    wanted = list(rows)
    if not wanted or isinstance(wanted[0], Permission):  # which nobody deletes
        return wanted
    held = list(type(wanted[0]).objects.select_for_update(no_key=True).filter(pk__in=_keys(wanted)).order_by("pk"))
    if len(held) < len(wanted):
        raise ValidationError("One of these groups has been deleted.")
    return held


def _record_created(actor: str, user: User) -> None:
    _record(actor, "created", user, is_staff=user.is_staff, is_superuser=user.is_superuser)


def _record(actor: str, verb: str, account: Account, **detail: Any) -> None:
    kind = "user" if isinstance(account, User) else "group"
    about: dict[str, Any] = {kind: {"id": account.pk, "name": str(account)}}
    outbox.record(actor=actor, action=f"staff_{kind}.{verb}", tenant_id=None, **about, **detail)


def _shown(account: Account) -> dict[str, Any]:
    """All that can be changed; never the password or its hash."""
    if isinstance(account, User):
        member_of = list(account.groups.order_by("name").values_list("name", flat=True))
        sets = {"groups": member_of, "user_permissions": _names(account.user_permissions.all())}
        return {name: getattr(account, name) for name in USER_FIELDS} | sets
    return {"name": account.name, "permissions": _names(account.permissions.all())}


def _names(permissions: Any) -> list[str]:
    rows = permissions.order_by().values_list("content_type__app_label", "codename").distinct()
    return sorted(f"{app}.{codename}" for app, codename in rows)


def _keys(rows: Iterable[Any]) -> list[int]:
    return [row.pk for row in rows]
