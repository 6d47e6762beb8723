"""The audit trail only grows, and shows where it was tampered with."""

from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, connections, transaction

from tenants import outbox
from tenants.context import staff_context, tenant_context
from tenants.upkeep import audit_chain
from tests.conftest import Api
from tests.owner import as_owner

ENTRIES = "SELECT position, previous_hash, audit_hash(e) FROM tenants_auditentry e ORDER BY position"


def write(api: Api, *names: str) -> None:
    with tenant_context(api.tenant_id):
        for name in names:
            outbox.record(actor="api_key:test", action="tenant.changed", tenant_id=api.tenant_id, name=name, value=None)


def verify(*arguments: str) -> str:
    out = StringIO()
    call_command("verify_audit_trail", *arguments, stdout=out)
    return out.getvalue()


def head() -> str:
    return verify().split()[-1]


def test_entries__each__carries_the_hash_of_the_one_before(acme: Api) -> None:
    write(acme, "one", "two")
    write(acme, "three")

    entries = as_owner(ENTRIES)
    assert [position for position, *_ in entries] == list(range(1, len(entries) + 1))
    assert [previous for _, previous, _ in entries] == [bytes(32), *[digest for *_, digest in entries[:-1]]]
    assert f"The chain of {len(entries)} entries is whole." in verify()


def test_entries__of_many_at_once__are_one_chain(acme: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_chain, "BATCH", 7)
    before = audit_chain.verify().position

    def write_ten(number: int) -> None:
        try:
            for each in range(10):
                write(acme, f"{number}.{each}", "again")
        finally:
            connections["default"].close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write_ten, range(8)))

    assert audit_chain.verify().position == before + 160


def test_entry__of_a_transaction_that_rolls_back__leaves_no_gap(acme: Api) -> None:
    write(acme, "one")
    with tenant_context(acme.tenant_id):
        outbox.record(actor="api_key:test", action="tenant.changed", tenant_id=acme.tenant_id)
        transaction.set_rollback(True)
    write(acme, "two")

    assert "is whole" in verify()


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE tenants_auditentry SET actor = 'nobody' WHERE position = {n}",
        "UPDATE tenants_auditentry SET detail = detail - 'value' WHERE position = {n}",
        "UPDATE tenants_auditentry SET created_at = created_at - interval '1 s' WHERE position = {n}",
        "DELETE FROM tenants_auditentry WHERE position = {n}",
        "DELETE FROM tenants_auditentry WHERE position >= {n}",
        "UPDATE tenants_auditentry SET position = position + 1000 WHERE position = {n}",
        "DELETE FROM tenants_audithead",
    ],
)
@pytest.mark.parametrize("from_end", [0, 1])
def test_verification__after_somebody_wrote_past_the_rights__fails(acme: Api, tampering: str, from_end: int) -> None:
    write(acme, "one", "two", "three")
    last = audit_chain.verify().position

    as_owner(tampering.format(n=last - from_end))

    with pytest.raises(CommandError, match="tampered"):
        verify()


def test_verification__of_a_chain_that_was_made_anew__fails_with_a_head_that_was_noted(acme: Api) -> None:
    write(acme, "one", "two")
    noted = head()
    write(acme, "three")
    assert "is whole" in verify(f"--head={noted}")

    as_owner("TRUNCATE tenants_auditentry")
    as_owner("UPDATE tenants_audithead SET position = 0, hash = decode(repeat('00', 32), 'hex')")
    write(acme, *"abcdefgh")

    assert "is whole" in verify()
    with pytest.raises(CommandError, match="does not go through"):
        verify(f"--head={noted}")


@pytest.mark.parametrize("text", ["x", "1", "1:zz", ":", "1:00:00"])
def test_head__that_is_none__is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="position and the hash"):
        verify(f"--head={text}")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenants_auditentry SET actor = 'nobody'",
        "DELETE FROM tenants_auditentry",
        "TRUNCATE tenants_auditentry",
        "INSERT INTO tenants_auditentry (actor, action, tenant_id, detail, position) VALUES ('a', 'b', NULL, '{}', 1)",
        "INSERT INTO tenants_auditentry (actor, action, detail, created_at) VALUES ('a', 'b', '{}', '2020-01-01')",
        "UPDATE tenants_audithead SET position = 0",
        "DELETE FROM tenants_audithead",
        "INSERT INTO tenants_audithead VALUES (2, 0, '')",
        "ALTER TABLE tenants_auditentry DISABLE TRIGGER ALL",
    ],
)
def test_trail__whoever_logs_in__only_grows(acme: Api, statement: str) -> None:
    for context in (staff_context(), tenant_context(acme.tenant_id)):
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), context:
            connection.cursor().execute(statement)
