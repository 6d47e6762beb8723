"""`make demo`: the closed loop, from a partner that registers to actions that are completed more often than by chance.

A server, a worker and a receiver run on this machine. A partner registers its integration and provisions two merchants;
their members send a month of events; each day some of them get the action that the model chooses, the receiver checks
its signature and reports what came of it, and the model learns. All of it goes over HTTP, but that the outcomes are
folded when a day ends and not a minute later. Seeded: the same town each time. BENCH_SECONDS makes a shorter month.
"""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any

import django
import httpx
import msgspec
from standardwebhooks import Webhook

from retivo import processes
from retivo.database import embedded_postgres

DAYS = max(10, int(float(os.environ.get("BENCH_SECONDS", "30"))) // 5 * 5)
DECISIONS, BLOCK = 25, 5  # a merchant's decisions a day; days of a line of the report
PATIENCE = 60


@dataclass
class Tally:
    """Of one day, over both merchants."""

    decided: int = 0
    acted: int = 0
    completed: int = 0
    by_chance: float = 0.0
    at_best: float = 0.0


@dataclass
class Merchant:
    http: httpx.Client
    members: list[Any]
    rng: Random
    by_id: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.by_id = {member.user_id: member for member in self.members}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    processes.work_in_background()  # this process does the worker's part
    embedded_postgres.start_if_configured()
    django.setup()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it has a line for each request
    from bench import report, town  # late: they import models
    from bench.server import database, gunicorn
    from learning import tasks as learning

    started = time.monotonic()
    with database(), receiver() as received, gunicorn() as server, worker():
        partner = client(server.port, new_partner_key())
        secret = register(partner, received.url, town.ACTIONS)
        merchants = [merchant(server.port, partner, number) for number in (1, 2)]
        days = []
        for day in range(DAYS):
            for one in merchants:
                live(one, day)
            days.append(decide(merchants, received, secret))
            learning.fold_waiting()
            print(f"\rday {day + 1} of {DAYS}", end="", flush=True)
    print()
    blocks = [total(days[start : start + BLOCK]) for start in range(0, DAYS, BLOCK)]
    show(blocks)
    report.publish("demo", figures(blocks, time.monotonic() - started))
    path = report.OUT / "demo.png"
    draw(blocks, path)
    print(path)


# --- The partner ----------------------------------------------------------------------------------------------------


def new_partner_key() -> str:
    from tenants import services
    from tenants.context import staff_context

    with staff_context():
        return services.create_partner(actor="demo", name="Acme Loyalty", slug="acme-loyalty")[1].text


def client(port: int, key: str) -> httpx.Client:
    return httpx.Client(
        base_url=f"http://127.0.0.1:{port}/api",
        headers={"Authorization": f"Bearer {key}"},
        timeout=30,
        trust_env=False,
    )


def call(http: httpx.Client, method: str, path: str, body: Any) -> Any:
    response = http.request(method, path, json=body)
    if response.is_error:
        raise RuntimeError(f"{method} {path}: {response.status_code} {response.text}")
    return response.json()


def register(partner: httpx.Client, url: str, actions: tuple[str, ...]) -> str:
    """The integration, with one template for each action; the secret that signs."""
    templates = [
        {"name": name, "description": name.replace("_", " ").capitalize(), "delivery_webhook": url} for name in actions
    ]
    body = {
        "provider": "acme-loyalty",
        "display_name": "Acme Loyalty",
        "domain": "loyalty",
        "action_type_templates": templates,
        "event_mappings": [{"from": "order.completed", "to": "purchase_completed"}],
    }
    secret: str = call(partner, "POST", "/partners/integrations", body)["integration"]["webhook_secret"]
    return secret


def merchant(port: int, partner: httpx.Client, number: int) -> Merchant:
    from bench import town

    config = {"features": {"categorical": {"plan": list(town.PLANS), "motive": list(town.MOTIVES)}}}
    body = {
        "name": f"Merchant {number}",
        "slug": f"merchant-{number}",
        "tracked_user_limit": 5000,
        "config": config,
    }
    key = call(partner, "POST", "/partners/customers", body)["customer"]["api_key"]
    random = Random(number)
    one = Merchant(client(port, key), town.people(random, DAYS * DECISIONS), random)
    identify = [
        {"user_id": member.user_id, "event": "$identify", "properties": {"plan": member.plan, "motive": member.motive}}
        for member in one.members
    ]
    track(one, identify)
    return one


# --- A day ----------------------------------------------------------------------------------------------------------


def live(one: Merchant, day: int) -> None:
    """A tenth of the members do what they do, on a day of the month that ends today."""
    began = datetime.now(UTC) - timedelta(days=DAYS - day)
    events = [
        {
            "user_id": member.user_id,
            "event": name,
            "properties": {"amount": round(one.rng.uniform(5, 90), 2)},
            "timestamp": (began + timedelta(seconds=one.rng.uniform(0, 86_000))).isoformat(),
            "idempotency_key": f"{day}-{member.user_id}-{number}",
        }
        for member in one.rng.sample(one.members, len(one.members) // 10)
        for number, name in enumerate(member.events_of_a_day(one.rng))
    ]
    track(one, events)


def track(one: Merchant, events: list[dict[str, Any]]) -> None:
    for start in range(0, len(events), 100):
        outcome = call(one.http, "POST", "/track", {"events": events[start : start + 100]})
        assert not outcome["rejected"], outcome


def decide(merchants: list[Merchant], received: "Received", secret: str) -> Tally:
    """Let the model choose for the next members, wait for what is sent, and report what came of it."""
    tally, sent = Tally(), {}
    for one in merchants:
        for member in [one.members.pop() for _ in range(DECISIONS)]:
            body = {"user_id": member.user_id, "domain": "loyalty", "dispatch": True}
            decision = call(one.http, "POST", "/decisions/recommend", body)
            tally.decided += 1
            if decision["action"] is not None:
                sent[decision["decision_id"]] = (one, member)
                tally.by_chance += member.by_chance
                tally.at_best += member.at_best
    for headers, payload in received.take(len(sent)):
        Webhook(secret.encode()).verify(payload, headers)  # raises where the signature is not ours
        action = msgspec.json.decode(payload)
        one, member = sent.pop(action["decision_id"])
        completed = one.rng.random() < member.completes(action["action_type"])
        tally.acted += 1
        tally.completed += completed
        status = "completed" if completed else "ignored"
        call(one.http, "POST", f"/external/actions/{action['action_id']}/outcome", {"status": status})
    assert not sent, "each dispatched action arrives"
    return tally


# --- The receiver, and the worker -----------------------------------------------------------------------------------


@dataclass
class Received:
    """What arrived, each action once: a repeat carries the same `webhook-id`."""

    url: str = ""
    waiting: dict[str, tuple[dict[str, str], bytes]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def add(self, headers: dict[str, str], body: bytes) -> None:
        with self.arrived:
            if headers["webhook-id"] not in self.seen:
                self.seen.add(headers["webhook-id"])
                self.waiting[headers["webhook-id"]] = (headers, body)
                self.arrived.notify()

    def take(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        """Wait until so many are there."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: len(self.waiting) >= count, timeout=PATIENCE):
                raise RuntimeError(f"{len(self.waiting)} of {count} actions arrived")
            taken = [self.waiting[key] for key in sorted(self.waiting)]
            self.waiting.clear()
        return taken


@contextmanager
def receiver() -> Iterator[Received]:
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.add({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    received.url = f"http://127.0.0.1:{server.server_port}/actions"
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def worker() -> Iterator[None]:
    from bench.server import DATABASE

    process = subprocess.Popen(
        [sys.executable, "manage.py", "worker"],
        env=os.environ
        | {"DJANGO_SETTINGS_MODULE": "bench.settings", "BENCH_DATABASE": DATABASE, "LOG_LEVEL": "WARNING"},
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


# --- The report -----------------------------------------------------------------------------------------------------


def total(days: list[Tally]) -> Tally:
    return Tally(*(sum(getattr(day, name) for day in days) for name in Tally.__dataclass_fields__))


def show(blocks: list[Tally]) -> None:
    print(f"{'days':>7} {'decided':>8} {'acted':>7} {'completed':>10} {'share':>7} {'by chance':>10} {'at best':>8}")
    for number, block in enumerate(blocks):
        days = f"{number * BLOCK + 1}-{(number + 1) * BLOCK}"
        shares = [share(block, name) for name in ("completed", "by_chance", "at_best")]
        print(
            f"{days:>7} {block.decided:>8} {block.acted:>7} {block.completed:>10}"
            f" {shares[0]:>7.1%} {shares[1]:>10.1%} {shares[2]:>8.1%}"
        )


def share(block: Tally, name: str) -> float:
    return float(getattr(block, name)) / block.acted if block.acted else 0.0


def figures(blocks: list[Tally], seconds: float) -> list[Any]:
    from bench import report

    last = blocks[-1]
    return [
        report.figure("completed, first days", share(blocks[0], "completed"), "share"),
        report.figure("completed, last days", share(last, "completed"), "share"),
        report.figure("last days / by chance", share(last, "completed") / share(last, "by_chance"), "×", at_least=1.2),
        report.figure("time", seconds, "s", at_most=120),
    ]


def draw(blocks: list[Tally], path: Any) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    ends = [(number + 1) * BLOCK for number in range(len(blocks))]
    for name, label, colour in (
        ("at_best", "the best action for each", "#8d99ae"),
        ("completed", "Retivo", "#1b6ca8"),
        ("by_chance", "an action by chance", "#d1495b"),
    ):
        axes.plot(ends, [share(block, name) for block in blocks], marker="o", color=colour, label=label)
    axes.set(xlabel="day", ylabel="share of actions completed", ylim=(0, 0.8), title="Two merchants' first month")
    axes.legend(frameon=False)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
