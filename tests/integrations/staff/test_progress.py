"""Lists and pages of roll-outs and of sharings with all show how far each is, with a bar."""

import pytest
from django.contrib.admin.utils import quote
from django.test import Client

from tests.conftest import Api
from tests.owner import as_owner
from tests.partners.rollouts.cast import INTEGRATIONS, publish, roll_out, work


@pytest.mark.parametrize("kind", ["rollout", "sharing"])
def test_bar__of_a_job__is_in_its_list_on_its_page_and_on_its_integrations(
    acme: Api, superuser: Client, kind: str
) -> None:
    integration = acme.register()["id"]
    shops = [acme.provision(f"shop-{n}") for n in range(4)]
    if kind == "rollout":
        publish(acme, integration)
        roll_out(acme, integration, stages=[{"percent": 50, "wait_minutes": 5}])
        work(acme)
        expected = '<progress value="2" max="4"></progress> 2 of 4'
    else:
        for shop in shops[:2]:
            acme.delete(f"{INTEGRATIONS}/{integration}/share/{shop.tenant_id}")
        acme.post(f"{INTEGRATIONS}/{integration}/share", {"all": True})
        expected = '<progress value="0" max="2"></progress> 0 of 2'
    ((id,),) = as_owner(f"SELECT id FROM integrations_{kind}")

    pages = [
        superuser.get(f"/admin/integrations/{kind}/"),
        superuser.get(f"/admin/integrations/partnerintegration/{integration}/change/"),
    ]
    page = superuser.get(f"/admin/integrations/{kind}/{quote(id)}/change/").content.decode()

    for answer in pages:
        assert expected in answer.content.decode()
    shown, of = (2, 4) if kind == "rollout" else (0, 2)
    assert f'value="{shown}" max="{of}"' in page
    assert f"{shown} of {of}" in page


def test_sharings__by_their_status__are_filtered(acme: Api, viewer: Client) -> None:
    integration = acme.register()["id"]
    acme.delete(f"{INTEGRATIONS}/{integration}/share/{acme.provision('shop').tenant_id}")
    acme.post(f"{INTEGRATIONS}/{integration}/share", {"all": True})

    def found() -> set[str]:
        states = ("running", "completed")
        page = "/admin/integrations/sharing/"
        return {state for state in states if viewer.get(page, {"status": state}).context["cl"].result_list}

    assert found() == {"running"}
    as_owner("UPDATE integrations_sharing SET finished_at = now()")
    assert found() == {"completed"}
