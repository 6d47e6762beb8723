from django.test import Client

from tests.conftest import Api
from tests.decisions.cast import ask, person, playbook, run
from tests.tenants.staff.people import TENANTS


def test_tenants_page__shows_playbooks_and_interventions__and_no_user(viewer: Client, merchant: Api) -> None:
    for n in range(3):
        person(merchant, f"secret-{n}")
    playbook(merchant, name="Second <purchase>", constraints={"needs_approval": True})
    run(merchant)
    ask(merchant, "UPDATE decisions_intervention SET status = 'completed' WHERE user_id = 'secret-0'")
    ask(merchant, "UPDATE decisions_intervention SET status = 'failed' WHERE user_id = 'secret-1'")

    html = viewer.get(f"{TENANTS}{merchant.tenant_id}/change/").content.decode()

    assert "Second &lt;purchase&gt;" in html
    assert "1 of 2" in html
    assert "Awaiting Approval" in html
    assert "secret" not in html


def test_tenants_page__without_playbooks__has_no_tables_of_them(viewer: Client, merchant: Api) -> None:
    assert "Interventions" not in viewer.get(f"{TENANTS}{merchant.tenant_id}/change/").content.decode()
