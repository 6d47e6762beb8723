"""Which partners hear of a release, and what: nothing that is not covered by noise."""

import json
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection
from jsonschema import Draft202012Validator

from learning.models import Pattern, Release
from learning.patterns.releases import release_if_due, release_patterns
from tenants import catalogue
from tenants.context import release_context, staff_context, tenant_context
from tenants.deletion import services as deletions
from tenants.tasks import delete_tenants
from tests.conftest import Api
from tests.learning.cast import noise
from tests.owner import as_owner

pytestmark = pytest.mark.usefixtures("noiseless")


def told(partner: Api) -> list[Any]:
    with tenant_context(partner.tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT customer_id, actor, data::text FROM tenants_partnerevent"
            " WHERE type = 'pattern.released' ORDER BY seq"
        )
        found = [(customer, actor, json.loads(data)) for customer, actor, data in cursor.fetchall()]
    for customer, actor, data in found:
        assert (customer, actor) == (None, "system")
        Draft202012Validator(catalogue.EVENTS["pattern.released"].data).validate(data)
    return [data for *_, data in found]


def test_release__of_patterns_of_a_partner__is_told_with_them(acme: Api, customers: list[Api]) -> None:
    release_id = release_patterns().release_id

    (data,) = told(acme)

    with staff_context():
        release = Release.objects.get(id=release_id)
        blocks = set(Pattern.objects.filter(release=release, partner=acme.tenant_id).values_list("block", flat=True))
    (integration,) = acme.get("/api/partners/integrations").json()["integrations"]
    assert {name: data[name] for name in ("release_id", "released_on", "epsilon")} == {
        "release_id": release_id,
        "released_on": f"{release.released_at:%Y-%m-%d}",
        "epsilon": release.epsilon,
    }
    assert {each["block"] for each in data["patterns"]} == blocks
    named = {each["action_type"]: each["integration_id"] for each in data["patterns"] if each["action_type"]}
    assert named == {each["name"]: integration["id"] for each in integration["action_type_templates"]}
    assert {each["block"] for each in data["patterns"] if each["action_type"] is None} == {"shared", "nothing"}


def test_release__a_partner_of_which_nothing_is_published__is_told_so_whoever_contributed(
    acme: Api, rival: Api, customers: list[Api]
) -> None:
    """That an event came would else tell, without noise, whether anybody contributed."""
    rival.register("rival-points", domain="loyalty")

    with noise("-(2 ^ 40)"):
        release_patterns()

    (of_acme,), (of_rival,) = told(acme), told(rival)
    assert of_acme == of_rival
    assert of_rival["patterns"] == []


def test_release__a_partner_without_integrations_and_customers__are_not_told(
    acme: Api, rival: Api, customers: list[Api]
) -> None:
    release_patterns()

    assert told(rival) == []
    assert told(customers[0]) == []


def test_release__that_was_interrupted__is_told_once_when_it_is_finished(acme: Api, customers: list[Api]) -> None:
    as_owner("ALTER TABLE learning_pattern ADD CONSTRAINT none_today CHECK (false)")
    try:
        with pytest.raises(IntegrityError, match="none_today"):
            release_if_due()
    finally:
        as_owner("ALTER TABLE learning_pattern DROP CONSTRAINT none_today")
    assert told(acme) == []

    release_if_due()
    release_if_due()

    assert len(told(acme)) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO tenants_partnerevent (tenant_id, type, version, actor, data)"
        " VALUES (gen_random_uuid(), 'pattern.released', 1, 'system', '{}')",
        "SELECT count(*) FROM tenants_partnerevent",
        "SELECT count(*) FROM tenants_tenant",
    ],
)
def test_role__that_releases__has_no_right_to_events_or_tenants(statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), release_context():
        connection.cursor().execute(statement)


def test_announce__in_a_tenants_context__is_denied(acme: Api) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), tenant_context(acme.tenant_id):
        connection.cursor().execute("SELECT announce_release(1, ARRAY[%s]::uuid[])", [acme.tenant_id])


def test_announce__again__tells_nobody_twice(acme: Api, rival: Api, customers: list[Api]) -> None:
    rival.register("rival-points", domain="loyalty")
    release_id = release_patterns().release_id

    for _ in range(2):
        with release_context():
            partners = [acme.tenant_id, acme.tenant_id, rival.tenant_id]
            connection.cursor().execute("SELECT announce_release(%s, %s)", [release_id, partners])

    assert [data["release_id"] for data in (*told(acme), *told(rival))] == [release_id] * 2


def delete_partner(partner: Api, *, wholly: bool) -> None:
    with staff_context():
        tenant = deletions.locked(tenant_id=partner.tenant_id)
        deletions.schedule(actor="test", tenant=tenant, grace_days=0 if wholly else 30)
    if wholly:
        delete_tenants(timestamp=0)


@pytest.mark.parametrize("wholly", [False, True])
@pytest.mark.parametrize("when", ["before", "between"])
def test_release__a_partner_whose_deletion_began__is_left_out_and_stops_nobodys(
    acme: Api, rival: Api, customers: list[Api], when: str, wholly: bool
) -> None:
    rival.register("rival-points", domain="loyalty")
    with noise("(2 ^ 40)"):  # something is published of each partner that was asked
        if when == "between":  # its charge and its patterns
            as_owner("ALTER TABLE learning_pattern ADD CONSTRAINT none_today CHECK (false)")
            with pytest.raises(IntegrityError, match="none_today"):
                release_if_due()
            as_owner("ALTER TABLE learning_pattern DROP CONSTRAINT none_today")
        delete_partner(rival, wholly=wholly)
        release_if_due()

    assert as_owner("SELECT DISTINCT partner_id FROM learning_pattern WHERE partner_id IS NOT NULL") == [
        (acme.tenant_id,)
    ]
    assert as_owner("SELECT count(*) FROM learning_noisysum") == [(0,)]
    assert len(told(acme)) == 1
