"""The order of locks (docs/architecture.md): every pair of writers runs against each other, and none waits in a circle.

`make deadlocks` runs 10,000 transactions. PostgreSQL counts the deadlocks, so that those count too after which
a request is tried again.
"""

import os
import random
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement, count
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import OperationalError, connection, connections

from decisions.playbooks.runner import run_playbooks
from decisions.upkeep.aftermath import settle_tenant
from decisions.upkeep.counting import count_tenant
from delivery.outcomes import services as outcomes
from delivery.outcomes.services import OfAction
from delivery.transport.sending import Answer
from delivery.worker import actions, certifying, endpoints, recording, recovering, webhooks
from delivery.worker.queues import Result, Room
from events.scoring import services as scoring
from learning.tasks import fold_tenant
from tenants.context import tenant_context
from tests.conftest import Api, make_partner
from tests.decisions.cast import ask, playbook
from tests.decisions.deciding import configure, shop_of
from tests.events.cast import change_tenant, event
from tests.events.users.people import USERS, path
from tests.factories import IntegrationBody
from tests.owner import as_owner
from tests.partners.rollouts import cast as rollouts
from tests.partners.webhooks.cast import WEBHOOKS
from tests.partners.webhooks.cast import make as make_webhook
from tests.sizes import size

pytestmark = pytest.mark.long

TRANSACTIONS = int(os.environ.get("LOCK_TRANSACTIONS", size(300, whole=10_000)))
THREADS = 6
PAIRS_A_SHOP = 15  # what a shop has grows, and what grows is slower to settle, score and erase
USERS_THERE = [f"u{n}" for n in range(8)]

CUSTOMERS = "/api/partners/customers"
HOOKS, ADDRESSES = "https://hooks.acme.example", ["grant_points", "send_voucher"]

_rounds = count()

Writer = Callable[[Api, random.Random], object]


def some(rng: random.Random, most: int = 6) -> list[str]:
    return rng.sample(USERS_THERE, rng.randint(1, most))


def track(api: Api, rng: random.Random) -> object:
    """Of users that are there, of some that are new, in any order, with keys that others send, too."""
    users = [*some(rng), *(f"new-{rng.randint(0, 40)}" for _ in range(2))]
    names = ["clicked", "bought", "$identify"]
    sent = [event(user, rng.choice(names), properties={"n": rng.random()}) for user in users]
    for each in rng.sample(sent, 2):
        each["idempotency_key"] = f"k{rng.randint(0, 5000)}"
    return api.post("/api/track", {"events": sent})


def identify(api: Api, rng: random.Random) -> object:
    """Twelve of eight users that are fresh, as others' are at the same time; then half of them again."""
    fresh = next(_rounds) // THREADS
    sent = [event(f"fresh-{fresh}-{rng.randint(0, 7)}", "$identify", properties={"plan": "pro"}) for _ in range(12)]
    api.post("/api/track", {"events": sent[:6]})
    return api.post("/api/track", {"events": sent})


def bring_in(api: Api, rng: random.Random) -> object:
    """Events of several months that are over and of the present one, of users that are there and some that are new."""
    users = [*some(rng), *(f"new-{rng.randint(0, 40)}" for _ in range(2)), f"past-{rng.randint(0, 40)}"]
    sent = [
        {
            "type": rng.choice(["track", "identify"]),
            "event": "clicked",
            "userId": user,
            "traits": {"n": 1},
            "timestamp": rng.choice([f"2024-{rng.randint(1, 12):02}-07T10:00:00Z", None]),
        }
        for user in rng.sample(users, len(users))
    ]
    return api.post("/api/connectors/segment", {"batch": sent})


def save(api: Api, rng: random.Random) -> object:
    return api.post(USERS, {"user_id": rng.choice([*USERS_THERE, f"new-{rng.randint(0, 40)}"]), "traits": {"a": 1}})


def change(api: Api, rng: random.Random) -> object:
    return api.patch(path(rng.choice(USERS_THERE)), {"traits": {"a": rng.random()}})


def erase(api: Api, rng: random.Random) -> object:
    user = rng.choice(USERS_THERE)
    api.delete(path(user))
    return api.post(USERS, {"user_id": user})


def score(api: Api, rng: random.Random) -> object:
    return scoring.score_tenant(api.tenant_id, everyone=True)


def run(api: Api, rng: random.Random) -> object:
    """Users come and go, as `moved` is on and off."""
    ask(api, "UPDATE events_trackeduser SET opted_out = %(out)s WHERE user_id = %(u)s", out=rng.random() < 0.5, u="u0")
    return run_playbooks(tenant_id=api.tenant_id, now=datetime.now(UTC))


def recommend(api: Api, rng: random.Random) -> object:
    return api.post("/api/decisions/recommend", {"user_id": rng.choice(USERS_THERE), "dispatch": True})


def plan(api: Api, rng: random.Random) -> object:
    made = api.post("/api/interventions", {"user_id": rng.choice(USERS_THERE)})
    found = ask(api, "SELECT id FROM decisions_intervention ORDER BY random() LIMIT 1")
    return made, *(api.put(f"/api/interventions/{each}/{rng.choice(['approve', 'reject'])}") for (each,) in found)


def pause(api: Api, rng: random.Random) -> object:
    """One playbook is archived and made again, which cancels all it had planned."""
    (found,) = ask(api, "SELECT id, status FROM decisions_playbook ORDER BY created_at DESC, id LIMIT 1")
    for status in {"active": ["archived"], "archived": ["draft", "active"], "draft": ["active"]}[found[1]]:
        api.put(f"/api/playbooks/{found[0]}/status", {"status": status})
    return found


def report(api: Api, rng: random.Random) -> object:
    sql = "SELECT id FROM delivery_action WHERE attempts > 0 AND outcome_status IS NULL ORDER BY random() LIMIT 3"
    found = [{"action_id": each, "status": rng.choice(["completed", "ignored"])} for (each,) in ask(api, sql)]
    if rng.random() < 0.5:
        return [api.post(f"/api/external/actions/{each.pop('action_id')}/outcome", each) for each in found]
    ((partner_id,),) = as_owner("SELECT parent_id FROM tenants_tenant WHERE id = %s", api.tenant_id)
    with tenant_context(partner_id):
        told = [OfAction(action_id=each["action_id"], status=each["status"], result=None) for each in found]
        return outcomes.record_of_customers(partner_id=partner_id, outcomes=told)


def deliver(api: Api, rng: random.Random) -> object:
    claimed = actions.claim(Room(wanted=10, per_endpoint=10, slow_wanted=10, per_slow_endpoint=10))
    told = ['{"outcome": {"status": "completed"}}', ""]
    answers = (
        Answer(
            started_at=datetime.now(UTC),
            latency_ms=rng.choice([1, 3000]),
            status=rng.choice([200, 200, 503]),
            body=rng.choice(told),
        )
        for _ in claimed
    )
    results = [
        Result(lease=lease, answer=answer, delivered=answer.status == 200, wait_seconds=0)
        for lease, answer in zip(claimed, answers, strict=True)
    ]
    tallies = endpoints.Tallies()
    tallies.add(results)
    tallies.store()
    return recording.record(results)


def settle(api: Api, rng: random.Random) -> object:
    """Now and then as if no conversion could follow any more, which counts users for the lift."""
    return settle_tenant(api.tenant_id, now=datetime.now(UTC) + rng.choice([timedelta(0), timedelta(days=9)]))


def compare(api: Api, rng: random.Random) -> object:
    """Another share is held out, which begins the lift's trial anew."""
    return api.patch("/api/settings", {"config": {"holdout_percent": rng.choice([0, 1])}})


def count_use(api: Api, rng: random.Random) -> object:
    count_tenant(api.tenant_id)
    return None


def fold(api: Api, rng: random.Random) -> object:
    return fold_tenant(api.tenant_id)


def manage_keys(api: Api, rng: random.Random) -> object:
    keys = "/api/settings/api-keys"
    sql = "SELECT id FROM tenants_apikey WHERE scopes = '{users:read}' AND revoked_at IS NULL ORDER BY random() LIMIT 3"
    for (each,) in ask(api, sql):
        method, place, body = rng.choice(_CHANGES_OF_KEYS)
        api.send(method, f"{keys}/{each}{place}", body)
    return api.post(keys, {"scopes": ["users:read"]})


_CHANGES_OF_KEYS: list[tuple[str, str, Any]] = [
    ("POST", "/rotate", {}),
    ("POST", "/rotate", {"overlap_hours": 0}),
    ("PATCH", "", {"label": "Till"}),
    ("DELETE", "", None),
    ("DELETE", "", None),
]


def hold(api: Api, rng: random.Random) -> object:
    controls = {"shadow_mode": {"active": rng.random() < 0.3}, "action_budget_usd": {"max": "1000000", "locked": False}}
    body = {"controls": controls, "name": f"Shop {rng.randrange(9)}"}
    return PARTNERS[api.tenant_id].patch(f"{CUSTOMERS}/{api.tenant_id}", body)


def hold_name(api: Api, rng: random.Random) -> object:
    """A switch for a name in all integrations, which another that is registered meanwhile has, too."""
    partner = PARTNERS[api.tenant_id]
    switch, only = rng.choice(["kill-switch", "shadow-mode"]), {"action_type": rng.choice(ADDRESSES)}
    partner.put(f"/api/partners/{switch}", {"active": True, "only": only})
    made = IntegrationBody(provider=f"more-{rng.getrandbits(40)}")
    registered = partner.post(rollouts.INTEGRATIONS, made).json()["integration"]["id"]
    partner.delete(f"{rollouts.INTEGRATIONS}/{registered}")
    return partner.put(f"/api/partners/{switch}", {"active": False, "only": only})


def put(api: Api, rng: random.Random) -> object:
    return PARTNERS[api.tenant_id].put(f"{CUSTOMERS}/ext:shop-{rng.randrange(5)}", {"name": f"Shop {rng.randrange(3)}"})


def roll_out(api: Api, rng: random.Random) -> object:
    """A revision to all customers, by whichever of them asks first."""
    partner = PARTNERS[api.tenant_id]
    integration, *_ = partner.get(rollouts.INTEGRATIONS).json()["integrations"]
    templates = [{**each, "description": str(rng.random())} for each in integration["action_type_templates"]]
    place = f"{rollouts.INTEGRATIONS}/{integration['id']}"
    published = partner.post(f"{place}/revisions", {"action_type_templates": templates})
    partner.post(f"{place}/rollouts", {"revision": published.json()["revision"]["number"], "to": "all"})
    rollouts.work(partner)
    return published


def keep_up(api: Api, rng: random.Random) -> object:
    """What waits for endpoints is counted, and how two of them answered is kept, in any order."""
    ((partner_id,),) = as_owner("SELECT parent_id FROM tenants_tenant WHERE id = %s", api.tenant_id)
    tallies = endpoints.Tallies()
    for name in rng.sample(ADDRESSES, 2):
        tallies._latencies[partner_id, f"{HOOKS}/{name}"] = deque([1])
    tallies.store()
    return endpoints.count()


def recover(api: Api, rng: random.Random) -> object:
    """What failed at an endpoint is sent again, which is enabled and gone from time to time."""
    ask(
        api,
        "UPDATE delivery_action SET status = 'failed', failure_reason = 'attempts_exhausted', leased_until = NULL"
        " WHERE id IN (SELECT id FROM delivery_action WHERE status = 'pending' ORDER BY id LIMIT 3"
        " FOR NO KEY UPDATE SKIP LOCKED)",
    )
    partner = PARTNERS[api.tenant_id]
    url = f"{HOOKS}/{rng.choice(ADDRESSES)}"
    place = f"/api/partners/endpoints/{endpoints.endpoint_id(partner.tenant_id, url)}"
    partner.post(f"{place}/enable", {})
    partner.post(f"{place}/recover", {"since": "2026-01-01T00:00:00Z"})
    recovering.advance(most=2, pause_seconds=0)
    return None


def certify(api: Api, rng: random.Random) -> object:
    partner = PARTNERS[api.tenant_id]
    url = f"{HOOKS}/{rng.choice(ADDRESSES)}"
    partner.post(f"/api/partners/endpoints/{endpoints.endpoint_id(partner.tenant_id, url)}/certify", {})
    report = {"check": "valid", "passed": rng.random() < 0.5, "saw": "", "why": None}
    return [certifying.store(one, number=one.done, report=report, is_last=True) for one in certifying.claim()]


def hand_out(api: Api, rng: random.Random) -> object:
    """Events to the partner's webhook, and what became of them; one that is gone switches it off."""
    PARTNERS[api.tenant_id].post(f"{WEBHOOKS}/{rng.choice(webhooks_of(api))}/test", {})
    webhooks.fan_out()
    leased = webhooks.claim(Room(wanted=10, per_endpoint=10, slow_wanted=10, per_slow_endpoint=10))
    answer = Answer(started_at=datetime.now(UTC), latency_ms=1, status=rng.choice([200, 503]))
    return recording.record(
        [Result(lease=lease, answer=answer, delivered=answer.status == 200, wait_seconds=0) for lease in leased]
    )


def webhooks_of(api: Api) -> list[str]:
    sql = "SELECT w.id FROM delivery_webhook w JOIN tenants_tenant t ON t.parent_id = w.tenant_id WHERE t.id = %s"
    return [each for (each,) in as_owner(sql, api.tenant_id)]


# By their shops.
PARTNERS: dict[UUID, Api] = {}

WRITERS: list[Writer] = [
    track,
    identify,
    bring_in,
    save,
    change,
    erase,
    score,
    run,
    recommend,
    plan,
    pause,
    report,
    deliver,
    settle,
    compare,
    count_use,
    fold,
    manage_keys,
    hold,
    hold_name,
    put,
    roll_out,
    keep_up,
    recover,
    certify,
    hand_out,
]
PAIRS = list(combinations_with_replacement(WRITERS, 2))


def busy_shop(partner: Api) -> Api:
    """One in which all have much to do: limits and a budget, two playbooks for the same users, a conversion."""
    templates = [
        {"name": name, "delivery_webhook": f"{HOOKS}/{name}", "estimated_cost_usd": "0.01"} for name in ADDRESSES
    ]
    shop = shop_of(partner, action_type_templates=templates)
    make_webhook(partner)
    PARTNERS[shop.tenant_id] = partner
    configure(
        shop,
        guardrails={},  # decisions for one user take turns
        action_budget_usd="1000000",
        holdout_percent=0,
        conversion={"event": "bought", "within_days": 7},
    )
    change_tenant(shop, tracked_user_limit=10**6)
    for user in USERS_THERE:
        shop.post(USERS, {"user_id": user})
    for name in ("One", "Two"):
        playbook(shop, name=name, entry_conditions={"opted_out": False}, constraints={"delays_days": [0]})
    return shop


def deadlocks() -> int:
    """Of this database, by PostgreSQL's own count."""
    time.sleep(1.2)  # sessions report what they counted once a second
    ((found,),) = as_owner("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return int(found)


def _paused(rng: random.Random) -> Callable[..., Any]:
    """Lets others come between two statements."""

    def execute(execute: Any, *args: Any) -> Any:
        answer = execute(*args)
        if rng.random() < 0.4:
            time.sleep(rng.random() * 0.004)
        return answer

    return execute


def act(writer: Writer, api: Api, seed: int) -> str | None:
    """The name of the writer, if it was the victim of a deadlock that was not answered by a request's status."""
    rng = random.Random(seed)
    try:
        with connection.execute_wrapper(_paused(rng)):
            writer(api, rng)
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.DeadlockDetected):
            return writer.__name__
        if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable | psycopg.errors.QueryCanceled):
            raise
    finally:
        connections.close_all()
    return None


def test_every_pair_of_writers__against_each_other__never_deadlocks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(recording, "_LOCK_MS", 5000)  # or it would give up before a circle is found
    each = max(2, -(-TRANSACTIONS // len(PAIRS)))
    began, seed = time.monotonic(), 0
    guilty: dict[str, int] = {}

    with ThreadPoolExecutor(THREADS) as threads:
        before = last = deadlocks()
        for place, pair in enumerate(PAIRS):
            if place % PAIRS_A_SHOP == 0:
                shop = busy_shop(make_partner(f"Acme-{place}"))
            turns = [(pair[n % 2], shop, seed + n) for n in range(each)]
            seed += len(turns)
            list(threads.map(lambda turn: act(*turn), turns))
            if os.environ.get("LOCK_PAIRS"):
                last, earlier = deadlocks(), last
                if last > earlier:
                    guilty[" and ".join(writer.__name__ for writer in pair)] = last - earlier
    found = deadlocks() - before

    took = time.monotonic() - began
    with capsys.disabled():
        sys.stdout.write(f"{seed} transactions, {found} deadlocks, {took:.0f} s {guilty or ''}\n")
    assert found == 0, guilty
