"""What the worker runs each minute does its work for every active tenant."""

from decisions import tasks
from events.tasks import score_tenants
from learning.tasks import fold_examples
from tests.conftest import Api
from tests.decisions.cast import ask, interventions, plan
from tests.decisions.deciding import acted, must_act, recommend, shop_of
from tests.owner import as_owner


def test_periodic_work__from_a_plan_to_what_is_learned_of_it(acme: Api, rival: Api) -> None:
    shops = [shop_of(acme), shop_of(rival, "foreign")]
    for shop in shops:
        must_act(shop)
        for n in range(3):
            plan(shop, f"u{n}")
    versions = [recommend(shop)["model"]["version"] for shop in shops]

    score_tenants(timestamp=0)
    tasks.run_playbooks(timestamp=0)
    as_owner("UPDATE delivery_action SET status = 'delivered', attempts = 1, delivered_at = now()")
    tasks.settle_decisions(timestamp=0)

    for shop in shops:
        assert {each["status"] for each in interventions(shop)} <= {"delivered", "cancelled"}
        action = acted(shop, dispatch=True)["action_id"]
        as_owner("UPDATE delivery_action SET attempts = 1 WHERE id = %(id)s", id=action)
        assert shop.post(f"/api/external/actions/{action}/outcome", {"status": "completed"}).status_code == 200
    fold_examples(timestamp=0)
    for shop, version in zip(shops, versions, strict=True):
        assert recommend(shop)["model"]["version"] > version
    as_owner("UPDATE learning_remembereddecision SET decided_at = now() - interval '91 days'")
    tasks.forget_old(timestamp=0)
    assert [ask(shop, "SELECT count(*) FROM learning_remembereddecision") for shop in shops] == [[(0,)], [(0,)]]
