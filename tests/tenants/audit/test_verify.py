"""Whoever has an export and the checkpoints finds what was changed by somebody who writes past all rights."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest
from django.db import ProgrammingError, connection, connections

from tenants.audit import checkpoints
from tenants.context import staff_context, tenant_context
from tenants.models import Scope, Tenant, TenantRole
from tenants.tasks import delete_tenants
from tenants.upkeep import audit_chain
from tests.conftest import Api
from tests.owner import as_owner
from tests.partners.customers.test_delete_customer import delete
from tests.tenants.api_keys.places import key_with
from tests.tenants.audit.lines import OWN, PARTNERS, export, exported, verify
from tests.tenants.audit.test_trail import suspend_as_staff, write

# By the owner, as `redact_audit_entries` has it.
REDACTION = (
    "UPDATE tenants_auditentry e SET redacted_hash = audit_hash(e), detail = '{}', address = NULL, content_salt = NULL"
)
CHECKPOINTS = f"{PARTNERS}/checkpoints"
KEYS = "/api/.well-known/retivo-keys"


def unproven_from(seq: int) -> str:
    return f"NOT PROVEN: no checkpoint vouches for entries from {seq} on. They may have been cut off, or made anew.\n"


def signed(api: Api) -> dict[str, object]:
    """The checkpoints of a partner, and the keys, as the script takes them."""
    return {"checkpoints": api.get(CHECKPOINTS).json(), "keys": api.get(KEYS).json()}


def test_export__as_it_was_written__is_verified_offline(acme: Api, merchant: Api, tmp_path: Path) -> None:
    odd = {"é": 'a\x7f\n"\\/\u2028', "x": 1.50, "big": 10**30, "list": [1, {"b": None, "aa": True}]}
    answer = acme.patch(f"/api/partners/customers/{merchant.tenant_id}", {"config": odd, "external_id": "shop/1"})
    assert answer.status_code == 200, answer.content
    own = export(merchant, OWN)
    suspend_as_staff(merchant)
    assert checkpoints.sign_heads() == 1
    write(acme, "after the checkpoint")

    code, said = verify(tmp_path, export(acme), **signed(acme))

    assert (code, said) == (
        0,
        "6 entries are as they were written, 0 of them redacted. 1 of 1 checkpoints are met.\n" + unproven_from(6),
    )
    assert verify(tmp_path, own, "--part")[0] == 0
    assert verify(tmp_path, export(acme, OWN), "--part", **signed(acme))[0] == 0


def test_export__of_a_tenant_without_a_partner__is_its_whole_chain(tmp_path: Path) -> None:
    with staff_context():
        tenant = Tenant.objects.create(name="Harbor", slug="harbor", tenant_role=TenantRole.STANDALONE)
    alone = key_with(Api(tenant.id, key=""), Scope.FULL)
    write(alone, "one", "two")
    checkpoints.sign_heads()

    lines, answer = export(alone, OWN), alone.get(f"{OWN}/checkpoints").json()

    code, said = verify(tmp_path, lines, checkpoints=answer, keys=alone.get(KEYS).json())
    assert (code, said.split(".")[1]) == (0, " 1 of 1 checkpoints are met")


@pytest.mark.parametrize(
    ("tampering", "named"),
    [
        ("UPDATE tenants_auditentry SET action = 'customer.updatee' WHERE family_seq = 4", "Entry 4, aud_"),
        ("UPDATE tenants_auditentry SET detail = replace(detail::text, 'scale', 'scalf')::jsonb WHERE family_seq = 4",
         "Entry 4, aud_"),
        ("UPDATE tenants_auditentry SET address = '127.0.0.2' WHERE family_seq = 3", "Entry 3, aud_"),
        ("UPDATE tenants_auditentry SET created_at = created_at + '1 us' WHERE family_seq = 1", "Entry 1, aud_"),
        ("UPDATE tenants_auditentry SET shown_actor = 'system' WHERE family_seq = 3", "Entry 3, aud_"),
        ("UPDATE tenants_auditentry SET target_id = 'x' WHERE family_seq = 2", "Entry 2, aud_"),
        ("UPDATE tenants_auditentry SET request_id = 'x' WHERE family_seq = 3", "Entry 3, aud_"),
        ("UPDATE tenants_auditentry SET redacted_hash = '', detail = '{}' WHERE family_seq = 3", "Entry 3, aud_"),
        ("UPDATE tenants_auditentry SET content_hash = '' WHERE family_seq = 3", "Entry 3, aud_"),
        ("UPDATE tenants_auditentry SET content_salt = NULL WHERE family_seq = 3", "Entry 3, aud_"),
        ("UPDATE tenants_auditentry SET redacted_hash = '', detail = '{}', address = NULL WHERE family_seq = 3",
         "Entry 3, aud_"),
        (f"{REDACTION} WHERE family_seq = 3", "Entry 3, aud_"),
        (f"{REDACTION} WHERE family_seq = 1", "Entry 1, aud_"),
        ("DELETE FROM tenants_auditentry WHERE family_seq = 3", "Entry 3 is missing"),
        ("DELETE FROM tenants_auditentry WHERE family_seq >= 4", "Entry 4, which the checkpoint of"),
    ],
)  # fmt: skip
def test_tampering__by_the_owner__is_found_and_the_entry_named(
    tampering: str, named: str, acme: Api, merchant: Api, tmp_path: Path
) -> None:
    acme.patch(f"/api/partners/customers/{merchant.tenant_id}", {"plan_tier": "scale"})
    checkpoints.sign_heads()

    as_owner(tampering)

    code, said = verify(tmp_path, export(acme), **signed(acme))
    assert code == 1
    assert f"TAMPERED: {named}" in said


def test_chain__that_was_made_anew__does_not_lead_to_a_checkpoint(acme: Api, tmp_path: Path) -> None:
    write(acme, "one")
    checkpoints.sign_heads()
    as_owner("UPDATE tenants_auditentry SET action = 'nothing' WHERE family_seq = 3")
    as_owner("UPDATE tenants_auditentry e SET content_hash = audit_content_hash(e) WHERE family_seq = 3")
    as_owner("UPDATE tenants_auditentry e SET family_hash = audit_family_hash(e) WHERE family_seq = 3")

    assert verify(tmp_path, export(acme))[0] == 0
    code, said = verify(tmp_path, export(acme), **signed(acme))
    assert code == 1
    assert "Entry 3 is not the one that the checkpoint of" in said


@pytest.mark.parametrize("part", ["seq", "hash", "day", "jws"])
def test_checkpoint__that_was_changed__is_not_genuine(part: str, acme: Api, tmp_path: Path) -> None:
    checkpoints.sign_heads()
    answers = json.loads(json.dumps(signed(acme)))
    (checkpoint,) = answers["checkpoints"]["checkpoints"]
    checkpoint[part] = checkpoint[part] + 1 if part == "seq" else checkpoint[part][:-5] + "AAAAA"

    code, said = verify(tmp_path, export(acme), **answers)

    assert code == 1
    assert "TAMPERED: checkpoints.json, checkpoints[0]: " in said


def test_checkpoints__are_made_once_a_day_of_what_is_new(acme: Api, rival: Api) -> None:
    assert checkpoints.sign_heads() == 2
    write(acme, "one")
    assert checkpoints.sign_heads() == 0
    as_owner(
        "UPDATE tenants_auditcheckpoint SET day = day - 1, signed_at = signed_at - %s::interval", timedelta(days=1)
    )
    assert checkpoints.sign_heads() == 1

    found = acme.get(CHECKPOINTS).json()
    assert [checkpoint["seq"] for checkpoint in found["checkpoints"]] == [3, 2]
    first = acme.get(CHECKPOINTS, {"limit": 1}).json()
    second = acme.get(CHECKPOINTS, {"limit": 1, "cursor": first["next_cursor"]}).json()
    assert first["checkpoints"] + second["checkpoints"] == found["checkpoints"]
    assert acme.get(f"{OWN}/checkpoints").json()["checkpoints"] == []
    assert [checkpoint["seq"] for checkpoint in rival.get(CHECKPOINTS).json()["checkpoints"]] == [2]


def test_entries__of_many_writers__are_one_chain_for_each_family(acme: Api, rival: Api, tmp_path: Path) -> None:
    merchants = [acme.provision(f"shop-{n}") for n in range(3)]

    def write_ten(api: Api) -> None:
        try:
            for n in range(10):
                write(api, str(n), "again")
        finally:
            connections["default"].close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write_ten, [acme, rival, *merchants]))

    for api, count in ((acme, 85), (rival, 22)):
        assert [entry["seq"] for entry in exported(api)] == [*range(1, count + 1)]
        assert verify(tmp_path, export(api))[0] == 0


def test_entry__of_a_deleted_customer__stays_in_the_chain_without_its_details(
    acme: Api, merchant: Api, tmp_path: Path
) -> None:
    acme.patch(f"/api/partners/customers/{merchant.tenant_id}", {"name": "Canary"})
    delete(acme, merchant, grace_days=0)
    delete_tenants(timestamp=0)

    found = exported(acme)

    assert "Canary" not in export(acme)
    assert [entry["redacted"] for entry in found] == [False, False, True, True, True, False]
    assert found[2]["customer"] == {"tenant_id": str(merchant.tenant_id), "external_id": None}
    checkpoints.sign_heads()
    code, said = verify(tmp_path, export(acme), **signed(acme))
    found_so = "6 entries are as they were written, 3 of them redacted. 1 of 1 checkpoints are met.\n"
    assert (code, said) == (0, found_so + unproven_from(7))
    audit_chain.verify()


@pytest.mark.parametrize(
    "query", [{"until": "the deletion"}, {"action": "customer.created"}, {"since": "2999-01-01T00:00:00Z"}]
)
def test_redacted_entries__in_an_export_without_the_deletion__are_said_to_be_unproven(
    query: dict[str, str], acme: Api, merchant: Api, tmp_path: Path
) -> None:
    delete(acme, merchant, grace_days=0)
    delete_tenants(timestamp=0)
    deleted = exported(acme)[-1]
    assert deleted["action"] == "customer.deleted"
    if "until" in query:
        query = {"until": deleted["created_at"]}
    part = export(acme, query=query)

    code, said = verify(tmp_path, part, "--part")

    assert code == 0
    count = part.count('"redacted" : true')
    named = f"NOT PROVEN: {count} redacted entries are about the customer {merchant.tenant_id}, whose deletion"
    assert (named in said) == (count > 0) == ("since" not in query)
    assert (
        "NOT PROVEN" not in verify(tmp_path, export(acme, query={"customer_id": str(merchant.tenant_id)}), "--part")[1]
    )
    if "until" in query:
        code, said = verify(tmp_path, part)
        assert (code, f"no later entry is the deletion of its customer {merchant.tenant_id}" in said) == (1, True)


@pytest.mark.parametrize("option", [(), ("--part",)])
@pytest.mark.parametrize("action", ["customer.created", "customer.deleted", "sibling", "late", "own"])
def test_redaction__of_what_no_later_entry_says_was_deleted__is_found(
    action: str, option: tuple[str, ...], acme: Api, merchant: Api, tmp_path: Path
) -> None:
    """Of one that is there still, of one after its deletion, of the deletion, of the partner: each hash is right."""
    sibling = acme.provision("sibling")
    delete(acme, merchant, grace_days=0)
    delete_tenants(timestamp=0)
    as_owner("INSERT INTO tenants_auditentry (actor, action, tenant_id, detail) VALUES ('staff:x', 'late', %s, '{}')",
             merchant.tenant_id)  # fmt: skip
    of = {"sibling": sibling.tenant_id, "own": acme.tenant_id}.get(action, merchant.tenant_id)
    chosen = "tenant_id = %s" if action in ("sibling", "own") else "tenant_id = %s AND action = %s"
    named = (of,) if action in ("sibling", "own") else (of, action)
    as_owner(f"{REDACTION} WHERE {chosen} AND redacted_hash IS NULL", *named)
    unshown = option and action in ("sibling", "customer.deleted")  # the deletion could be missing

    code, said = verify(tmp_path, export(acme), *option)

    if action == "customer.created":
        assert code == 0
        audit_chain.verify()
        return
    assert (code, "NOT PROVEN" in said) == ((0, True) if unshown else (1, False)), said
    with pytest.raises(audit_chain.ChainError, match="is redacted, and its tenant was not deleted then"):
        audit_chain.verify()


def test_entry__that_was_redacted__is_not_found_by_whoever_guesses_what_it_said(acme: Api, merchant: Api) -> None:
    """Of what is left, no hash is that of the whole content, even to those who read the database."""
    acme.patch(f"/api/partners/customers/{merchant.tenant_id}", {"plan_tier": "scale"})
    as_owner("CREATE TEMPORARY TABLE said AS SELECT id, detail, address, content_salt FROM tenants_auditentry")
    as_owner("DELETE FROM tenants_apikey WHERE tenant_id = %s", merchant.tenant_id)
    as_owner("DELETE FROM tenants_tenant WHERE id = %s", merchant.tenant_id)
    as_owner("SELECT redact_audit_entries(%s)", merchant.tenant_id)

    redacted = "tenants_auditentry WHERE redacted_hash IS NOT NULL"
    assert as_owner(f"SELECT count(*), count(content_salt) FROM {redacted}") == [(2, 0)]
    assert [entry["content_salt"] for entry in exported(acme) if entry["redacted"]] == [None, None]
    guessed = as_owner(
        f"""
        SELECT salt IS NOT NULL, audit_content_hash(g) = g.content_hash, audit_hash(g) = r.redacted_hash
        FROM (SELECT * FROM {redacted}) r JOIN said s USING (id), unnest(ARRAY[NULL, s.content_salt]) salt,
        LATERAL jsonb_populate_record(NULL::tenants_auditentry, to_jsonb(r) - 'redacted_hash' || jsonb_build_object(
            'detail', s.detail, 'address', s.address, 'content_salt', salt
        )) g
        """
    )
    as_owner("DROP TABLE said")
    assert sorted(guessed) == [(False, False, False)] * 2 + [(True, True, True)] * 2


def test_entries__from_before__are_linked_by_the_migration(acme: Api, merchant: Api, tmp_path: Path) -> None:
    suspend_as_staff(merchant)
    before = exported(acme)
    as_owner(
        "UPDATE tenants_auditentry SET family_id = NULL, family_seq = NULL, family_previous_hash = NULL,"
        " family_hash = NULL, content_hash = NULL, shown_actor = NULL"
    )
    assert exported(acme) == []

    class Editor:
        connection = connections["owner"]

    import_module("tenants.migrations.0039_audit_entries_linked").link(None, Editor)

    assert exported(acme) == before
    assert verify(tmp_path, export(acme))[0] == 0


def test_entries__of_earlier_releases__are_verified_and_followed_by_new_ones(
    acme: Api, merchant: Api, tmp_path: Path
) -> None:
    """They have a number as their id, and no salt."""
    as_owner("TRUNCATE tenants_auditentry")
    as_owner("UPDATE tenants_audithead SET position = 0, hash = decode(repeat('00', 32), 'hex')")
    ((present,),) = as_owner("SELECT pg_get_functiondef('describe_audit_entry'::regproc)")
    former = present.replace("IF entry.position IS NULL THEN", "IF false THEN")
    assert former != present
    as_owner(former)
    try:
        suspend_as_staff(merchant)
    finally:
        as_owner(present)
    checkpoints.sign_heads()
    write(acme, "new")

    found = exported(acme)

    assert re.fullmatch("aud_[0-9]{1,19}", found[0]["id"])
    assert re.fullmatch("aud_[0-9a-f]{32}", found[1]["id"])
    assert found[0]["content_salt"] is None
    assert re.fullmatch("[0-9a-f]{32}", found[1]["content_salt"])
    assert verify(tmp_path, export(acme), **signed(acme))[0] == 0
    audit_chain.verify()


@pytest.mark.parametrize("table", ["tenants_auditentry", "tenants_auditcheckpoint"])
@pytest.mark.parametrize("role", ["app_web", "app_staff"])
def test_trail__a_role_that_was_granted_everything__may_still_not_change_it(table: str, role: str, acme: Api) -> None:
    checkpoints.sign_heads()
    as_owner(f"GRANT UPDATE, DELETE, TRUNCATE ON {table} TO {role}")
    try:
        for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            context = staff_context() if role == "app_staff" else tenant_context(acme.tenant_id)
            with pytest.raises(ProgrammingError, match="only grows"), context:
                connection.cursor().execute(statement)
    finally:
        as_owner(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {role}")


def test_script__without_entries_or_checkpoints__does_not_pass_for_a_proof(acme: Api, tmp_path: Path) -> None:
    code, said = verify(tmp_path, "")
    assert (code, "nothing to verify" in said) == (2, True)

    code, said = verify(tmp_path, export(acme))
    assert (code, unproven_from(1) in said) == (0, True)


def test_script__of_entries_behind_the_newest_checkpoint__says_that_nothing_vouches_for_them(
    acme: Api, tmp_path: Path
) -> None:
    checkpoints.sign_heads()
    write(acme, "one", "two")
    whole = export(acme).splitlines(keepends=True)

    for lines in (whole, whole[:-1]):
        code, said = verify(tmp_path, "".join(lines), **signed(acme))
        assert (code, unproven_from(3) in said) == (0, True), said
    assert "NOT PROVEN" not in verify(tmp_path, "".join(whole), "--part", **signed(acme))[1]
