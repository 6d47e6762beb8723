"""Outcomes appended and folded: once each, whoever writes, and whatever dies meanwhile."""

import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from django.db import DatabaseError, connection, connections

from learning import forgetting, services, tasks
from learning.model.packing import unpacked
from learning.model.state import State
from learning.models import Example, ModelState
from tenants.context import staff_context, tenant_context
from tests.conftest import REPOSITORY, Api, database_url, service_environment
from tests.learning.conftest import Record


def load(api: Api) -> State:
    with tenant_context(api.tenant_id):
        return services.load(tenant_id=api.tenant_id)


def fold(api: Api, limit: int = 1000) -> int:
    with tenant_context(api.tenant_id):
        return services.fold(tenant_id=api.tenant_id, limit=limit)


def rows(api: Api) -> list[Any]:
    with tenant_context(api.tenant_id):
        return list(Example.objects.order_by("decision_id").values_list("decision_id", "folded", "features"))


def test_record__then_fold__is_learned_and_the_features_are_forgotten(merchant: Api, record: Record) -> None:
    features = {"bias": 1.0, "recency": 2.5}
    assert record("dec_1", action="at_a", features=features, outcome=1.0)
    assert record("dec_2", action="nothing", features=features, outcome=0.0)

    assert fold(merchant) == 2

    state = load(merchant)
    assert dict(zip(state.actions, state.trials.tolist(), strict=True)) == {"nothing": 1, "at_a": 1}
    assert dict(zip(state.actions, state.rewards.tolist(), strict=True)) == {"nothing": 0, "at_a": 1}
    assert rows(merchant) == [("dec_1", 1.0, None), ("dec_2", 0.0, None)]
    assert fold(merchant) == 0
    assert load(merchant).version == state.version


def test_fold__of_what_was_recorded__is_the_model_of_the_same_examples(merchant: Api, record: Record) -> None:
    random = np.random.default_rng(1)
    for n in range(150):
        features = {"bias": 1.0, "recency": float(random.normal(1, 2)), "lifecycle_stage=new": 1.0}
        record(f"dec_{n:03}", action=f"at_{n % 3}", features=features, outcome=float(random.random() < 0.4))

    fold(merchant, limit=60)
    fold(merchant)

    state = load(merchant)
    assert state.trials.sum() == 150
    x = state.vector({"bias": 1.0, "recency": 3.0})
    mean, covariance = state.posterior.logits(x)
    assert np.isfinite(mean).all()
    assert np.linalg.eigvalsh(covariance).min() > 0
    assert load(merchant) is state


@pytest.mark.parametrize("between", [False, True])
def test_record__outcome_and_conversion__add_up_to_one_trial_and_at_most_one(
    merchant: Api, record: Record, between: bool
) -> None:
    for given in ({"outcome": 0.5}, {"conversion": 0.3}, {"conversion": 0.9}):
        assert record("dec_1", action="at_a", **given)
        if between:
            assert fold(merchant) == 1
    fold(merchant)

    state = load(merchant)
    assert (state.trials.sum(), state.rewards.sum()) == (1, pytest.approx(1))
    assert rows(merchant) == [("dec_1", 1.0, None)]


@pytest.mark.parametrize("between", [False, True])
@pytest.mark.parametrize("given", [{"outcome": 0.5}, {"conversion": 0.4}, {"outcome": 0.0}])
def test_record__repeated__counts_once(merchant: Api, record: Record, given: Any, between: bool) -> None:
    assert record("dec_1", **given)
    if between:
        fold(merchant)

    assert not record("dec_1", **given)

    fold(merchant)
    state = load(merchant)
    assert (state.trials.sum(), state.rewards.sum()) == (1, sum(given.values()))


def test_record__a_second_outcome__changes_nothing(merchant: Api, record: Record) -> None:
    record("dec_1", outcome=0.0)

    assert not record("dec_1", outcome=1.0)
    fold(merchant)
    assert load(merchant).rewards.sum() == 0


def test_record__a_user_that_is_gone__records_nothing(merchant: Api, record: Record) -> None:
    assert not record("dec_1", user_id="nobody", outcome=1.0)

    assert rows(merchant) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_record__a_feature_that_no_fold_could_read__is_refused(merchant: Api, record: Record, value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        record("dec_1", features={"bias": value}, outcome=1.0)


@pytest.mark.parametrize("given", [{"outcome": 1.5}, {"outcome": -1.0}, {"conversion": 2.0}, {"outcome": float("nan")}])
def test_record__a_reward_out_of_bounds__breaks_a_constraint(merchant: Api, record: Record, given: Any) -> None:
    with pytest.raises(DatabaseError, match="between_0_and_1"):
        record("dec_1", **given)


def test_erasure__of_a_user__takes_its_examples_and_leaves_the_state(merchant: Api, record: Record) -> None:
    record("dec_1", user_id="u1", outcome=1.0)
    fold(merchant)
    record("dec_2", user_id="u1", outcome=1.0)
    record("dec_3", user_id="u2", outcome=1.0)

    with tenant_context(merchant.tenant_id), connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_trackeduser WHERE tenant_id = %s AND user_id = 'u1'", [merchant.tenant_id])

    assert [decision for decision, *_ in rows(merchant)] == ["dec_3"]
    fold(merchant)
    assert load(merchant).trials.sum() == 2


def test_load__before_any_fold__is_the_cold_state(merchant: Api) -> None:
    assert load(merchant).version == 0
    assert load(merchant).actions == ()


def test_load__of_another_tenant__is_cold_though_this_process_knows_it(
    merchant: Api, rival: Api, record: Record
) -> None:
    record("dec_1", outcome=1.0)
    fold(merchant)
    assert load(merchant).version == 1

    with tenant_context(rival.tenant_id):
        assert services.load(tenant_id=merchant.tenant_id).version == 0


def test_load__again__reads_the_version_alone_until_it_changes(
    merchant: Api, record: Record, statements: list[str]
) -> None:
    record("dec_1", outcome=1.0)
    fold(merchant)
    first = load(merchant)
    statements.clear()

    assert load(merchant) is first
    assert len(statements) == 2  # the context, and one that asks
    record("dec_2", outcome=1.0)
    fold(merchant)
    assert load(merchant).version == 2


def test_load__while_a_fold_holds_the_lock__does_not_wait(merchant: Api, record: Record) -> None:
    record("dec_1", outcome=1.0)
    fold(merchant)
    seen: list[int] = []

    def read() -> None:
        try:
            with tenant_context(merchant.tenant_id):
                connection.cursor().execute("SET LOCAL lock_timeout = '2s'")
                seen.append(services.load(tenant_id=merchant.tenant_id).version)
        finally:
            connections.close_all()

    record("dec_2", outcome=1.0)
    with tenant_context(merchant.tenant_id):
        services.fold(tenant_id=merchant.tenant_id)
        reader = threading.Thread(target=read)
        reader.start()
        reader.join()

    assert seen == [1]
    assert load(merchant).version == 2


def test_cache__of_many_tenants__keeps_the_latest(
    merchant: Api, acme: Api, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_states", {})
    monkeypatch.setattr(services, "_CACHED", 1)
    record("dec_1", outcome=1.0)
    fold(merchant)
    fold(acme)

    for api in (merchant, acme):
        load(api)

    assert list(services._states) == [acme.tenant_id]
    assert load(merchant).trials.sum() == 1


def test_config__that_declares_a_trait__grows_the_state_and_keeps_what_was_learned(
    merchant: Api, record: Record
) -> None:
    for n in range(20):
        record(f"dec_a{n}", action="at_a", outcome=1.0)
    fold(merchant)
    before = load(merchant)
    with staff_context(), connection.cursor() as cursor:
        cursor.execute(
            """UPDATE tenants_tenant SET config = '{"features": {"numeric": ["orders"]}}' WHERE id = %s""",
            [merchant.tenant_id],
        )

    record("dec_b", action="at_b", features={"bias": 1.0, "traits.orders": 3.0}, outcome=0.0)
    fold(merchant)

    after = load(merchant)
    assert "traits.orders" in after.features
    assert after.trials[after.actions.index("at_a")] == 20
    assert after.features[: len(before.features)] == before.features


def test_fold__eight_writers_and_two_learners__loses_nothing(merchant: Api, record: Record) -> None:
    each, writers = 60, 8
    done = threading.Event()
    failed: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            for n in range(each):
                record(f"dec_{writer}_{n}", user_id=f"u{n % 10}", action=f"at_{n % 3}", outcome=float(n % 2))
        except Exception as error:  # noqa: BLE001
            failed.append(error)
        finally:
            connections.close_all()

    def learn() -> None:
        try:
            while not done.is_set():
                fold(merchant, limit=25)
        except Exception as error:  # noqa: BLE001
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=[n]) for n in range(writers)]
    learners = [threading.Thread(target=learn) for _ in range(2)]
    for thread in (*threads, *learners):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    for thread in learners:
        thread.join()
    tasks.fold_tenant(merchant.tenant_id)

    state = load(merchant)
    assert failed == []
    assert state.trials.sum() == each * writers
    assert state.rewards.sum() == each * writers / 2
    assert len(rows(merchant)) == each * writers
    # The sums are one thing, what was learned another: the curvature of every example is in it, at most ¼ each.
    bias = state.features.index("bias")
    assert 0.15 * each * writers < state.posterior.information[:, bias, bias].sum() <= 0.25 * each * writers


def test_record__while_a_fold_is_about_to_store__is_folded_by_the_next(merchant: Api, record: Record) -> None:
    """The fold has read a reward of ½; were the row not held, it would write down 1 as folded."""
    record("dec_1", outcome=0.5)

    def convert() -> None:
        try:
            record("dec_1", conversion=0.5)
        finally:
            connections.close_all()

    writer = threading.Thread(target=convert)

    def watch(execute: Any, sql: str, *rest: Any) -> Any:
        if sql == services._STORE:
            writer.start()
            writer.join(timeout=0.5)  # it waits for us
        return execute(sql, *rest)

    with tenant_context(merchant.tenant_id), connection.execute_wrapper(watch):
        services.fold(tenant_id=merchant.tenant_id)
    writer.join()

    assert load(merchant).rewards.sum() == 0.5
    assert fold(merchant) == 1
    state = load(merchant)
    assert (state.trials.sum(), state.rewards.sum()) == (1, 1)


def test_fold__a_row_that_is_being_written__leaves_it_to_the_next(merchant: Api, record: Record) -> None:
    for decision in ("dec_1", "dec_2"):
        record(decision, outcome=0.5)
    folded: list[int] = []

    def learn() -> None:
        try:
            with tenant_context(merchant.tenant_id):
                connection.cursor().execute("SET LOCAL lock_timeout = '2s'")
                folded.append(services.fold(tenant_id=merchant.tenant_id))
        finally:
            connections.close_all()

    with tenant_context(merchant.tenant_id):
        given: Any = {"user_id": "u0", "action": "nothing", "features": {"bias": 1.0}, "conversion": 0.5}
        services.record(tenant_id=merchant.tenant_id, decision_id="dec_1", **given)
        learner = threading.Thread(target=learn)
        learner.start()
        learner.join()

    assert folded == [1]
    assert fold(merchant) == 1
    assert load(merchant).rewards.sum() == 1.5


# A worker that dies by SIGKILL: before the state is stored, between storing and the commit, after the commit.
KILLED = """
import os, signal, sys, uuid
import django
django.setup()
from django.db import connection
from learning import services
from tenants.context import tenant_context

tenant_id, moment = uuid.UUID(sys.argv[1]), sys.argv[2]

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def watch(execute, sql, *rest):
    if moment == "before" and sql == services._STORE:
        die()
    result = execute(sql, *rest)
    if moment == "between" and sql == services._STORE:
        die()
    return result

with tenant_context(tenant_id):
    with connection.execute_wrapper(watch):
        services.fold(tenant_id=tenant_id)
die()
"""


@pytest.mark.parametrize(("moment", "folded"), [("before", 0), ("between", 0), ("after", 5)])
def test_fold__killed__has_folded_all_or_nothing_and_the_next_takes_the_rest(
    merchant: Api, record: Record, moment: str, folded: int
) -> None:
    for n in range(5):
        record(f"dec_{n}", outcome=1.0)

    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(merchant.tenant_id), moment],
        cwd=REPOSITORY,
        env=service_environment(DJANGO_SETTINGS_MODULE="retivo.settings", DATABASE_URL=database_url("default")),
        capture_output=True,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()

    assert load(merchant).trials.sum() == folded
    assert len([row for row in rows(merchant) if row[1] is not None]) == folded
    assert fold(merchant) == 5 - folded
    assert load(merchant).trials.sum() == 5


def test_fold_waiting__of_all_tenants__finds_those_that_have_something(
    merchant: Api, rival: Api, record: Record
) -> None:
    record("dec_1", outcome=1.0)
    record("dec_2", outcome=0.0)
    rival.post("/api/track", {"events": [{"user_id": "u0", "event": "e"}]})
    with tenant_context(rival.tenant_id):
        given: Any = {"user_id": "u0", "action": "nothing", "features": {"bias": 1.0}, "outcome": 1.0}
        services.record(tenant_id=rival.tenant_id, decision_id="dec_1", **given)

    assert tasks.fold_waiting() == 3
    assert tasks.fold_waiting() == 0

    assert (load(merchant).trials.sum(), load(rival).trials.sum()) == (2, 1)


def test_forget__folded_long_ago__are_deleted_and_waiting_ones_kept(merchant: Api, record: Record) -> None:
    for decision in ("dec_old", "dec_new", "dec_waiting"):
        record(decision, outcome=1.0)
        if decision != "dec_waiting":
            fold(merchant)
    with tenant_context(merchant.tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE learning_example SET recorded_at = now() - make_interval(days => %s)"
            " WHERE tenant_id = %s AND decision_id <> 'dec_new'",
            [services.KEPT_DAYS + 1, merchant.tenant_id],
        )

    gone = forgetting.forget(tenant_id=merchant.tenant_id, now=datetime.now(UTC), batch=1)
    assert gone == {"examples": 1, "remembered": 0}

    assert [decision for decision, *_ in rows(merchant)] == ["dec_new", "dec_waiting"]


def test_state__of_sizes_that_do_not_fit__breaks_a_constraint(merchant: Api, record: Record) -> None:
    record("dec_1", outcome=1.0)
    fold(merchant)

    with pytest.raises(DatabaseError, match="model_state_sizes"), tenant_context(merchant.tenant_id):
        ModelState.objects.update(mean=b"1234")


def test_row__of_a_state__is_what_load_returns(merchant: Api, record: Record) -> None:
    record("dec_1", outcome=1.0)
    fold(merchant)
    with tenant_context(merchant.tenant_id):
        row = ModelState.objects.get()

    assert unpacked(row).features == load(merchant).features  # type: ignore[arg-type]
