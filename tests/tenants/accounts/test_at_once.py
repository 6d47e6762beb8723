"""Two pages, or two people, change an account at once."""

import threading
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client

from tenants.context import staff_context
from tests.tenants.accounts.cast import make_group, make_user, page_of, the_user
from tests.tenants.staff.people import audited, log_in

Post = tuple[Client, str, dict[str, Any]]


def at_once(*posts: Post) -> list[int]:
    """The statuses of posts that are sent in parallel, each in its client's session."""
    ready = threading.Barrier(len(posts))
    statuses: list[int] = []

    def send(client: Client, path: str, values: dict[str, Any]) -> None:
        one = Client(raise_request_exception=False)
        one.cookies = client.cookies
        try:
            ready.wait()
            statuses.append(one.post(path, values).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=post) for post in posts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == len(posts)
    return statuses


def test_group__deleted_six_times_at_once__is_deleted_once(root: Client) -> None:
    group = make_group("helpers")

    statuses = at_once(*[(root, page_of(group, "delete"), {"post": "yes"})] * 6)

    assert set(statuses) == {302}
    assert [action for action, *_ in audited(actor="staff:root")] == ["staff_group.deleted"]


def test_groups__given_one_name_at_once__one_gets_it(root: Client) -> None:
    groups = [make_group(f"helpers-{n}") for n in range(6)]

    statuses = at_once(*[(root, page_of(group), {"name": "helpers"}) for group in groups])

    assert set(statuses) <= {200, 302}
    assert [action for action, *_ in audited(actor="staff:root")] == ["staff_group.changed"]


def test_group__deleted_while_users_are_put_into_it__leaves_nobody_in_it(root: Client) -> None:
    group = make_group("helpers")
    users = [make_user(f"user-{n}") for n in range(5)]
    joined = {"is_active": "on", "groups": group.pk}

    statuses = at_once(
        (root, page_of(group, "delete"), {"post": "yes"}), *[(root, page_of(user), joined) for user in users]
    )

    assert set(statuses) <= {200, 302}
    with staff_context():
        assert not Group.objects.filter(pk=group.pk).exists()
        assert not User.objects.filter(groups__isnull=False).exists()


def test_superusers__who_demote_each_other_at_once__leave_one() -> None:
    root, rita = log_in("root", superuser=True), log_in("rita", superuser=True)
    demoted = {"is_active": "on", "is_staff": "on"}

    at_once((root, page_of(the_user("rita")), demoted), (rita, page_of(the_user("root")), demoted))

    with staff_context():
        assert User.objects.filter(is_superuser=True).count() == 1
