"""Periodic work over many tenants: none stops another, nobody is asked in vain, and any worker takes a share."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import connections, transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from decisions import tasks
from decisions.upkeep import waiting
from tenants.context import tenant_context
from tenants.upkeep import places, rounds
from tests.conftest import Api
from tests.decisions.cast import interventions, person, playbook
from tests.delivery.worker.processes import wait_for
from tests.owner import as_owner, owner_cursor


def shops_of(acme: Api, count: int) -> list[Api]:
    shops = [acme.provision(f"shop-{n}") for n in range(count)]
    for shop in shops:
        person(shop, "a")
        playbook(shop)
    return shops


def jobs() -> list[tuple[str, list[str]]]:
    found = ProcrastinateJob.objects.filter(status="todo").order_by("id")
    return [(job.queueing_lock, job.args["tenant_ids"]) for job in found]


def test_round__one_tenant_fails__is_named_and_the_others_are_done(acme: Api, caplog: pytest.LogCaptureFixture) -> None:
    broken, *well = shops_of(acme, 3)
    as_owner(
        "UPDATE decisions_playbook SET entry_conditions = '{\"nonsense\": 1}' WHERE tenant_id = %(t)s",
        t=broken.tenant_id,
    )

    with pytest.raises(rounds.RoundError, match="1 of 3 tenants failed"):
        tasks.run_playbooks(timestamp=0)

    assert [len(interventions(shop)) for shop in (broken, *well)] == [0, 1, 1]
    (line,) = [record.getMessage() for record in caplog.records if "tenant_failed" in record.getMessage()]
    assert str(broken.tenant_id) in line


def test_round__tenants_without_an_active_playbook__are_not_looked_at(acme: Api) -> None:
    (shop,) = shops_of(acme, 1)
    acme.provision("idle")

    assert rounds.ask(waiting.TO_RUN) == [shop.tenant_id]
    assert rounds.ask(waiting.TO_SETTLE) == []


def test_round__more_than_a_chunk__is_shared_out_once_and_each_share_does_its_own(
    acme: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "CHUNK", 1)
    shops = shops_of(acme, 3)

    tasks.run_playbooks(timestamp=0)

    shares = jobs()
    assert sorted(tenant for _, tenants in shares for tenant in tenants) == sorted(str(s.tenant_id) for s in shops)
    assert all(lock == f"run_playbooks/{UUID(tenants[0]).int % 4}/4" for lock, tenants in shares)
    tasks.run_playbooks(timestamp=1)
    assert jobs() == shares
    for _, tenants in shares:
        app.tasks["decisions.tasks.run_playbooks.chunk"](tenant_ids=tenants)
    assert [len(interventions(shop)) for shop in shops] == [1, 1, 1]


def test_round__another_shares_them_out_at_the_same_time__leaves_them_to_it(
    acme: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "CHUNK", 1)
    shops_of(acme, 3)
    tasks.run_playbooks(timestamp=0)
    shares = jobs()
    as_owner("UPDATE procrastinate_jobs SET status = 'doing'")

    def second() -> None:
        try:
            tasks.run_playbooks(timestamp=1)
        finally:
            connections.close_all()

    with ThreadPoolExecutor() as threads:
        with transaction.atomic("owner"), owner_cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET status = 'todo'")  # the second does not see it before the end
            beside = threads.submit(second)
            wait_for(lambda: is_waited_for(cursor))
        beside.result()

    assert jobs() == shares


def is_waited_for(cursor: Any) -> bool:
    """Whether another transaction waits for the end of this one."""
    cursor.execute("SELECT count(*) FROM pg_locks WHERE transactionid = pg_current_xact_id()::xid AND NOT granted")
    return bool(cursor.fetchone()[0])


# --- Shares of time -------------------------------------------------------------------------------------------------


class Endless:
    """Work that is never done for some tenants and done at once for others; in which order it was asked for."""

    def __init__(self, *heavy: Api) -> None:
        self.heavy = {api.tenant_id for api in heavy}
        self.asked: list[UUID] = []

    def __call__(self, tenant_id: UUID, turn: rounds.Turn) -> None:
        self.asked.append(tenant_id)
        if tenant_id in self.heavy:
            while not turn.is_over():
                pass
            with tenant_context(tenant_id):
                places.keep(tenant_id=tenant_id, work="test", place=len(self.asked))
            raise rounds.TurnOver


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"TURN_SECONDS": 0.02, "SHARE_SECONDS": 0.1, "ROUND_SECONDS": 60.0}.items():
        monkeypatch.setattr(rounds, name, seconds)


@pytest.mark.usefixtures("short")
def test_round__work_without_end__ends_with_the_tenants_share_and_keeps_nobody_waiting(acme: Api) -> None:
    heavy, light = acme.provision("heavy"), acme.provision("light")
    work = Endless(heavy)

    rounds.each("test", [heavy.tenant_id, light.tenant_id], work)

    assert work.asked[:2] == [heavy.tenant_id, light.tenant_id]  # after one turn, not after the share
    assert set(work.asked[2:]) == {heavy.tenant_id}
    assert 2 <= work.asked.count(heavy.tenant_id) <= 5


@pytest.mark.usefixtures("short")
def test_round__what_is_unfinished__comes_last_in_the_next__longest_waiting_first(acme: Api) -> None:
    first, second, light = (acme.provision(slug) for slug in ("first", "second", "light"))
    tenants = [api.tenant_id for api in (first, second, light)]
    rounds.each("test", tenants, Endless(second))
    rounds.each("test", tenants, Endless(first))
    work = Endless(first, second)

    rounds.each("test", tenants, work)

    assert work.asked[:3] == [light.tenant_id, second.tenant_id, first.tenant_id]


def test_round__is_over__everybody_had_a_turn_and_nobody_another(acme: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "TURN_SECONDS", 0.01)
    monkeypatch.setattr(rounds, "ROUND_SECONDS", 0.0)
    shops = [acme.provision(f"shop-{n}") for n in range(3)]
    work = Endless(*shops)

    rounds.each("test", [shop.tenant_id for shop in shops], work)

    assert work.asked == [shop.tenant_id for shop in shops]
