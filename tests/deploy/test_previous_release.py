"""The release before runs on this release's schema, beside this one: that is how an upgrade, and its undoing, go."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, cycle
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.receiver import Receiver, receiver
from tests.delivery.worker.processes import wait_for
from tests.deploy.releases import THIS, Release, Web, database, errors, previous_release
from tests.owner import as_owner

pytestmark = pytest.mark.long

TEMPLATE = {
    "name": "grant_points",
    "parameters_schema": {"amount": {"type": "number", "required": True, "default": 10}},
}


@pytest.fixture
def before(tmp_path: Path, worker_id: str, django_db_blocker: Any) -> Iterator[Release]:
    """The release before, on a database of its own with its schema."""
    with django_db_blocker.unblock(), database(f"test_retivo_releases_{worker_id}"):
        release = previous_release(tmp_path / "previous")
        release.manage("migrate", "--verbosity=0")
        yield release


@pytest.fixture(autouse=True)
def _database(django_db_setup: None) -> None:
    """In the place of the fixture that truncates: there is a database of its own."""


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


class Shop:
    """A customer that tracks, decides and reports through whichever webs it is given, in turns."""

    def __init__(self, web: Web, partner: str, slug: str, inbox: Receiver) -> None:
        self._numbers = count()
        self.inbox = inbox
        template = {**TEMPLATE, "delivery_webhook": f"{inbox.url}/{slug}"}
        body = {"provider": slug, "display_name": slug, "action_type_templates": [template]}
        web.post(partner, "/api/partners/integrations", body)
        made = web.post(partner, "/api/partners/customers", {"name": slug, "slug": slug})
        self.key, self.id = made["customer"]["api_key"], made["customer"]["tenant_id"]
        self.events: list[dict[str, Any]] = []

    def track(self, *webs: Web) -> None:
        """One event, sent once through each web: the first takes it, the others know it."""
        number = next(self._numbers)
        key, user = f"order-{number}", f"user-{number % 7}"
        event = {"user_id": user, "event": "order.completed", "properties": {"amount": number}, "idempotency_key": key}
        for position, web in enumerate(webs):
            answer = web.post(self.key, "/api/track", {"events": [event]})
            assert answer == {"accepted": int(position == 0), "duplicates": int(position > 0), "rejected": []}
        self.events.append(event)

    def is_known(self, web: Web) -> None:
        """Whatever was sent before is a duplicate by now."""
        answer = web.post(self.key, "/api/track", {"events": self.events[:100]})
        assert answer == {"accepted": 0, "duplicates": len(self.events[:100]), "rejected": []}

    def act(self, web: Web, other: Web) -> None:
        """Decide through `web`, have a worker deliver it, report the outcome through `other` and read it back."""
        for _ in range(50):
            body = {"user_id": "user-0", "dispatch": True}
            answer = web.post(self.key, "/api/decisions/recommend", body, Idempotency_Key=f"d{next(self._numbers)}")
            if answer["action_id"]:
                break
        path = f"/api/external/actions/{answer['action_id']}"
        wait_for(lambda: other.get(self.key, path)["action"]["status"] == "delivered")
        assert self.inbox.ids.count(self.inbox.received[-1].headers["webhook-id"]) == 1
        other.post(self.key, f"{path}/outcome", {"status": "completed"})
        assert web.get(self.key, path)["action"]["status"] == "completed"
        assert web.get(self.key, f"/api/decisions/{answer['decision_id']}")["decision"]["action_id"]

    def stored(self) -> int:
        ((rows,),) = as_owner("SELECT count(*) FROM events_event WHERE tenant_id = %s", self.id)
        return int(rows)


@contextmanager
def traffic(shop: Shop, *webs: Web) -> Iterator[None]:
    """Events through each of the webs in turn, until the block ends. No answer may be other than a success."""
    over, failures = threading.Event(), []

    def send() -> None:
        try:
            for web in cycle(webs):
                shop.track(web)
                if over.wait(0.02):
                    return
        except BaseException as error:  # noqa: BLE001  # raised again below, in the test's thread
            failures.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if failures:
        raise failures[0]


def test_release_before__while_and_after_the_schema_is_migrated__does_all_it_did(
    before: Release, inbox: Receiver, tmp_path: Path
) -> None:
    made = before.manage("create_partner", "--name", "Acme", "--slug", "acme", "--json")
    partner = json.loads(made.splitlines()[-1])["api_key"]
    logs = {
        name: tmp_path / f"{name}.log"
        for name in ("old_web", "old_worker", "new_web", "new_worker", "last_web", "last_worker")
    }

    with before.web(logs["old_web"]) as old:
        with before.worker(logs["old_worker"]):
            # Data, kept connections and prepared statements of the old schema.
            first = Shop(old, partner, "first", inbox)
            for _ in range(8):
                first.track(old, old)
            first.act(old, old)

            with traffic(first, old):
                THIS.manage("migrate", "--verbosity=0")

            # The old code alone on the new schema.
            second = Shop(old, partner, "second", inbox)
            for shop in (first, second):
                shop.track(old, old)
                shop.is_known(old)
                shop.act(old, old)
            for command in ("score_users", "run_playbooks", "maintain_events"):
                before.manage(command)

            # Old and new web, old worker.
            with THIS.web(logs["new_web"]) as new:
                third = Shop(new, partner, "third", inbox)
                for shop in (first, second, third):
                    for webs in ((old, new), (new, old)) * 3:
                        shop.track(*webs)
                    shop.is_known(new)
                    shop.is_known(old)
                    shop.act(new, old)
                    shop.act(old, new)

                # Both of both.
                with THIS.worker(logs["new_worker"]), traffic(third, old, new):
                    THIS.manage("maintain_events")
                    before.manage("maintain_events")
                    for shop in (first, second, third):
                        shop.act(new, old)

        # Old and new web, new worker alone: what the old one began, this one ends.
        with THIS.web(logs["last_web"]) as new, THIS.worker(logs["last_worker"]):
            for shop in (first, second, third):
                shop.act(old, new)
                shop.track(old, new)
                shop.is_known(new)

    assert {shop.id: shop.stored() for shop in (first, second, third)} == {
        shop.id: len(shop.events) for shop in (first, second, third)
    }
    wrong = {name: errors(log) for name, log in logs.items()}
    # Workers of the release before take the jobs of tasks that they do not know; those are done in the next round.
    wrong["old_worker"] = [line for line in wrong["old_worker"] if "TaskNotFound" not in line]
    assert wrong == {name: [] for name in logs}
