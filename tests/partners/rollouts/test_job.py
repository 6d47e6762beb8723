"""A partner's roll-outs and sharings take turns, and one that fails stops no other."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from partners.rollouts import job
from partners.tasks import forget_rollouts, move_customers
from tenants.upkeep.rounds import RoundError, Turn, TurnOver
from tests.conftest import Api
from tests.owner import as_owner
from tests.partners.rollouts.cast import INTEGRATIONS, publish, roll_out, rollout_of, steer, work


@pytest.fixture
def broken() -> Iterator[Callable[[str], None]]:
    """Has the database refuse to change a roll-out or a sharing, by its id."""
    tables = ("integrations_rollout", "integrations_sharing")
    as_owner("CREATE TABLE broken (id text)")
    as_owner("GRANT SELECT ON broken TO PUBLIC")
    as_owner(
        "CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF EXISTS (SELECT FROM broken b WHERE b.id = NEW.id) THEN RAISE EXCEPTION 'broken'; END IF;"
        " RETURN NEW; END $$"
    )
    for table in tables:
        # What puts it off changes `due_at` alone.
        columns = "status, stage, moved" if table == "integrations_rollout" else "shared"
        as_owner(f"CREATE TRIGGER broken BEFORE UPDATE OF {columns} ON {table} FOR EACH ROW EXECUTE FUNCTION break()")

    def break_it(id: str) -> None:
        as_owner("INSERT INTO broken VALUES (%s)", id)

    yield break_it
    for table in tables:
        as_owner(f"DROP TRIGGER broken ON {table}")
    as_owner("DROP FUNCTION break()")
    as_owner("DROP TABLE broken")


def sharing_of(acme: Api, integration: str) -> str:
    shown = acme.get(f"{INTEGRATIONS}/{integration}/share").json()["sharing"]
    return str(shown["status"])


@pytest.mark.parametrize("kind", ["rollout", "sharing"])
def test_job__one_that_fails__stops_no_other_and_is_tried_again_later(
    acme: Api, broken: Callable[[str], None], kind: str
) -> None:
    first, second, third = (acme.register(name)["id"] for name in ("one", "two", "three"))
    acme.provision("shop")
    for integration in (first, second):
        publish(acme, integration)
    failing = roll_out(acme, first)["id"] if kind == "rollout" else None
    fine = roll_out(acme, second)["id"]
    acme.post(f"{INTEGRATIONS}/{third}/share", {"all": True})
    if failing is None:
        ((failing,),) = as_owner("SELECT id FROM integrations_sharing")
    broken(failing)

    with pytest.raises(job.StepError, match=failing):
        work(acme)

    assert rollout_of(acme, fine)["status"] == "completed"
    if kind == "rollout":
        assert sharing_of(acme, third) == "completed"
    # It rests for a minute, however often anybody looks.
    work(acme)
    move_customers(timestamp=0)
    table = f"integrations_{kind}"
    ((due_at,),) = as_owner(f"SELECT due_at FROM {table} WHERE id = %s", failing)
    assert timezone.now() < due_at < timezone.now() + timedelta(minutes=2)
    as_owner(f"UPDATE {table} SET due_at = now() WHERE finished_at IS NULL")
    with pytest.raises(RoundError):
        move_customers(timestamp=0)
    as_owner("DELETE FROM broken")
    as_owner(f"UPDATE {table} SET due_at = now() WHERE finished_at IS NULL")
    work(acme)
    assert as_owner(f"SELECT finished_at IS NOT NULL FROM {table} WHERE id = %s", failing) == [(True,)]


def test_job__of_several__takes_them_in_turns(acme: Api) -> None:
    """A turn that is over after the first step of each leaves none of them where it was."""
    for name in ("one", "two"):
        publish(acme, acme.register(name)["id"])
    acme.provision("shop")
    ids = [roll_out(acme, each["id"])["id"] for each in acme.get(INTEGRATIONS).json()["integrations"]]

    class Steps(Turn):
        left = 2

        def is_over(self) -> bool:
            self.left -= 1
            return self.left == 0

    with pytest.raises(TurnOver):
        job.run_partner(acme.tenant_id, Steps())

    assert [rollout_of(acme, id)["moved"] for id in ids] == [1, 1]


# --- What is forgotten ----------------------------------------------------------------------------------------------


def test_forget__a_rollout_that_finished_long_ago__keeps_it_and_no_row_of_its_customers(acme: Api) -> None:
    integration = acme.register()["id"]
    for slug in ("one", "two"):
        acme.provision(slug)
    publish(acme, integration)
    old = roll_out(acme, integration)["id"]
    work(acme)
    shown = rollout_of(acme, old)
    rows = "SELECT rollout_id, count(*) FROM integrations_rolloutcustomer GROUP BY 1"

    as_owner("UPDATE integrations_rollout SET finished_at = now() - interval '89 days'")
    forget_rollouts(timestamp=0)
    assert as_owner(rows) == [(old, 2)]
    as_owner("UPDATE integrations_rollout SET finished_at = now() - interval '92 days'")
    answer = steer(acme, old, "rollback")
    forget_rollouts(timestamp=0)

    assert as_owner(rows) == []
    assert (answer.status_code, answer.json()["code"]) == (409, "rollout_too_old")
    assert rollout_of(acme, old) | {"finished_at": None} == shown | {"finished_at": None}


def test_forget__a_rollout_that_is_not_over__keeps_the_rows_of_its_customers(acme: Api) -> None:
    integration = acme.register()["id"]
    acme.provision("one")
    publish(acme, integration)
    roll_out(acme, integration)
    as_owner("UPDATE integrations_rollout SET created_at = now() - interval '900 days'")

    forget_rollouts(timestamp=0)

    assert as_owner("SELECT count(*) FROM integrations_rolloutcustomer") == [(1,)]


def test_forget__sharings_of_long_ago__keeps_the_newest_of_each_integration(acme: Api) -> None:
    integrations = [acme.register(name)["id"] for name in ("one", "two")]
    for integration in (*integrations, integrations[0]):
        acme.post(f"{INTEGRATIONS}/{integration}/share", {"all": True})
        work(acme)
    as_owner("UPDATE integrations_sharing SET finished_at = now() - interval '92 days'")

    forget_rollouts(timestamp=0)

    assert as_owner("SELECT count(*), count(DISTINCT integration_id) FROM integrations_sharing") == [(2, 2)]
    assert [sharing_of(acme, integration) for integration in integrations] == ["completed"] * 2
