import io

import pytest
from django.core.management import CommandError, call_command

from tenants.context import staff_context
from tenants.models import PlanStatus, Tenant
from tests.conftest import Api
from tests.decisions.cast import interventions, person, playbook
from tests.owner import as_owner


def command(**options: str) -> str:
    output = io.StringIO()
    call_command("run_playbooks", stdout=output, **options)
    return output.getvalue()


def test_run_playbooks__all_tenants__runs_each_that_is_not_suspended(acme: Api) -> None:
    shops = [acme.provision(slug) for slug in ("one", "two", "three")]
    for shop in shops:
        person(shop, "a")
        playbook(shop)
    with staff_context():
        Tenant.objects.filter(id=shops[2].tenant_id).update(plan_status=PlanStatus.SUSPENDED)

    lines = command().splitlines()

    assert [line for line in lines if line.startswith(("one", "two"))] == [
        f"{slug}: users 1, entered 1, left 0, cancelled 0, planned 1, begun 0" for slug in ("one", "two")
    ]
    with staff_context():
        Tenant.objects.filter(id=shops[2].tenant_id).update(plan_status=PlanStatus.ACTIVE)
    assert [len(interventions(shop)) for shop in shops] == [1, 1, 0]


def test_run_playbooks__one_tenant__runs_it_alone(acme: Api) -> None:
    one, two = acme.provision("one"), acme.provision("two")
    for shop in (one, two):
        person(shop, "a")
        playbook(shop)

    command(tenant="one")

    assert [len(interventions(shop)) for shop in (one, two)] == [1, 0]


def test_run_playbooks__no_such_tenant__says_so(acme: Api) -> None:
    with pytest.raises(CommandError):
        command(tenant="nobody")


def test_run_playbooks__one_tenant_fails__runs_the_others_and_ends_with_an_error(acme: Api) -> None:
    shops = [acme.provision(slug) for slug in ("one", "two", "three")]
    for shop in shops:
        person(shop, "a")
        playbook(shop)
    as_owner(
        "UPDATE decisions_playbook SET entry_conditions = '{\"nonsense\": 1}' WHERE tenant_id = %(t)s",
        t=shops[0].tenant_id,
    )

    with pytest.raises(CommandError, match="run_playbooks: 1 of 4 tenants failed"):
        command()

    assert [len(interventions(shop)) for shop in shops] == [0, 1, 1]
