"""Entries and events get their places at COMMIT: all of a transaction together, in the order of writing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from tenants import outbox
from tenants.context import staff_context
from tenants.upkeep import audit_chain
from tests.conftest import Api
from tests.owner import as_owner
from tests.tenants.audit.lines import export, verify

HEADS = {"tenants_auditentry": "tenants_audithead", "tenants_partnerevent": "tenants_eventhead"}
MANY = {
    "tenants_auditentry": """
        INSERT INTO tenants_auditentry (actor, action, tenant_id, detail)
        SELECT 'api_key:test', 'tenant.changed', %(partner)s, '{}' FROM generate_series(1, %(n)s)
    """,
    "tenants_partnerevent": """
        INSERT INTO tenants_partnerevent (tenant_id, type, version, actor, data)
        SELECT %(partner)s, 'partner.updated', 1, 'api_key:test', '{}' FROM generate_series(1, %(n)s)
    """,
}


@contextmanager
def counted(table: str) -> Iterator[Callable[[], int]]:
    """Counts updates of rows of `table`, which a trigger sees wherever they are made."""
    name = f"updates_of_{table}"
    as_owner(
        f"CREATE SEQUENCE {name} START 1; CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
        f" AS $$ BEGIN PERFORM nextval('public.{name}'); RETURN NULL; END $$;"
        f" CREATE TRIGGER {name} AFTER UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
    )
    try:
        yield lambda: as_owner(f"SELECT nextval('{name}') - 1")[0][0]
    finally:
        as_owner(f"DROP TRIGGER {name} ON {table}; DROP FUNCTION {name}; DROP SEQUENCE {name}")


@pytest.mark.parametrize("n", [1, 2, 50])
@pytest.mark.parametrize("table", HEADS)
def test_places__of_many_rows_in_one_transaction__move_the_head_once(acme: Api, table: str, n: int) -> None:
    with counted(table) as of_rows, counted(HEADS[table]) as of_head:
        as_owner(MANY[table], partner=acme.tenant_id, n=n)

        assert of_head() == 1
        assert of_rows() <= 2 * n


def reads(table: str) -> int:
    """How many rows of it and its indexes were read until now, but for what others have not reported yet."""
    as_owner("SELECT pg_stat_force_next_flush()")
    ((number,),) = as_owner(
        "SELECT seq_tup_read + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes i WHERE i.relid = t.relid)"
        " FROM pg_stat_user_tables t WHERE relname = %s",
        table,
    )
    return int(number)


@pytest.mark.parametrize("table", HEADS)
def test_places__of_many_rows__are_found_by_indexes_though_plans_were_made_of_a_small_table(
    acme: Api, table: str
) -> None:
    as_owner(f"ANALYZE {table}, {HEADS[table]}")
    for _ in range(10):  # from the sixth on a plan is kept
        as_owner(MANY[table], partner=acme.tenant_id, n=1)

    before = {name: reads(name) for name in (table, HEADS[table])}

    as_owner(MANY[table], partner=acme.tenant_id, n=400)

    for name, number in before.items():
        assert reads(name) - number < 10 * 400


def told(name: str, tenant_id: UUID) -> None:
    outbox.record(actor="test", action="customer.updated", tenant_id=tenant_id, data={"changed": [name]})


def names(table: str, column: str, place: str, whose: str, owner: UUID) -> list[tuple[int, str]]:
    """What was told by `told`, in its order, with the place of each."""
    return as_owner(
        f"SELECT {place}, {column} -> 'changed' ->> 0 FROM {table} WHERE {whose} = %s AND {column} ? 'changed'"
        f" ORDER BY {place}",
        owner,
    )


def test_places__of_several_tenants_and_savepoints__are_in_the_order_of_writing(
    acme: Api, rival: Api, merchant: Api, tmp_path: Path
) -> None:
    theirs = rival.provision("theirs")
    before = {api.tenant_id: audit_chain.verify().position for api in (acme, rival)}

    with staff_context():
        told("a", merchant.tenant_id)
        told("b", theirs.tenant_id)
        with transaction.atomic():
            told("lost", merchant.tenant_id)
            transaction.set_rollback(True)
        with transaction.atomic():
            told("c", merchant.tenant_id)
            told("d", acme.tenant_id)
        told("e", theirs.tenant_id)
        told("f", merchant.tenant_id)

    assert audit_chain.verify().position == before[acme.tenant_id] + 6
    in_order = as_owner("SELECT detail -> 'changed' ->> 0 FROM tenants_auditentry ORDER BY position DESC LIMIT 6")
    assert "".join(name for (name,) in in_order) == "fedcba"
    for partner, written in ((acme, "acdf"), (rival, "be")):
        for found in (
            names("tenants_auditentry", "detail", "family_seq", "family_id", partner.tenant_id),
            names("tenants_partnerevent", "data", "seq", "tenant_id", partner.tenant_id),
        ):
            assert "".join(name for _, name in found) == written
            assert [place for place, _ in found] == [found[0][0] + n for n in range(len(written))]
        assert verify(tmp_path, export(partner))[0] == 0


def test_places__given_before_the_end__go_on_with_what_is_written_then(acme: Api, merchant: Api) -> None:
    with staff_context():
        for name in "abc":
            told(name, merchant.tenant_id)
        connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")
        told("d", merchant.tenant_id)
        connection.cursor().execute("SET CONSTRAINTS ALL DEFERRED")
        told("e", merchant.tenant_id)

    audit_chain.verify()
    for found in (
        names("tenants_auditentry", "detail", "position", "family_id", acme.tenant_id),
        names("tenants_partnerevent", "data", "seq", "tenant_id", acme.tenant_id),
    ):
        assert "".join(name for _, name in found) == "abcde"
        assert [place for place, _ in found] == [found[0][0] + n for n in range(5)]
    assert numbers(acme) == list(range(1, 1 + len(numbers(acme))))


def test_places__while_another_transaction_has_written__are_given_to_the_own_rows_alone(
    acme: Api, merchant: Api
) -> None:
    with transaction.atomic(using="owner"):
        for table in HEADS:
            as_owner(MANY[table], partner=acme.tenant_id, n=2)
        ((last,),) = as_owner("SELECT max(id) FROM tenants_auditentry")
        with staff_context():
            told("first", merchant.tenant_id)
        ((place,),) = as_owner("SELECT position FROM tenants_auditentry WHERE id > %s", last)

    ((later,),) = as_owner("SELECT position FROM tenants_auditentry WHERE id = %s", last)
    assert later == place + 2
    audit_chain.verify()
    assert numbers(acme) == list(range(1, 1 + len(numbers(acme))))


def test_number__after_the_newest_events_are_deleted__follows_theirs(acme: Api) -> None:
    count = numbers(acme)[-1]
    as_owner("DELETE FROM tenants_partnerevent WHERE tenant_id = %s", acme.tenant_id)

    as_owner(MANY["tenants_partnerevent"], partner=acme.tenant_id, n=2)

    assert numbers(acme) == [count + 1, count + 2]


def numbers(partner: Api) -> list[Any]:
    found = as_owner("SELECT seq FROM tenants_partnerevent WHERE tenant_id = %s ORDER BY seq", partner.tenant_id)
    return [number for (number,) in found]
