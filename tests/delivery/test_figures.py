"""What waits to be sent, as the metrics tell it."""

from tests.delivery.cast import Merchant
from tests.delivery.receiver import Receiver
from tests.owner import as_owner


def test_backlog__tells_what_is_due_held_blocked_and_leased_apart(shop: Merchant, inbox: Receiver) -> None:
    def states() -> dict[str, int]:
        return dict(as_owner("SELECT state, sum(actions)::int FROM delivery_backlog() GROUP BY 1"))

    ids = [shop.dispatch() for _ in range(3)]
    as_owner("UPDATE delivery_action SET due_at = now() - interval '90 seconds' WHERE id = %s", ids[0])
    as_owner(
        "UPDATE delivery_action SET due_at = now() + interval '60 seconds', leased_until = now() + interval '1 minute',"
        " status = 'dispatched', attempts = 1 WHERE id = %s",
        ids[1],
    )
    assert states() == {"due": 2, "leased": 1}
    ((oldest,),) = as_owner("SELECT max(oldest_seconds) FROM delivery_backlog() WHERE state = 'due'")
    assert 90 <= oldest < 90 + 300

    as_owner("UPDATE tenants_tenant SET shadow_mode = true")
    assert states() == {"held": 2, "leased": 1}
    as_owner("UPDATE tenants_tenant SET shadow_mode = false")
    assert states() == {"due": 2, "leased": 1}

    as_owner("UPDATE tenants_tenant SET plan_status = 'deleting', delete_at = now() + interval '1 day'")
    assert states() == {"held": 2, "leased": 1}
    as_owner("UPDATE tenants_tenant SET plan_status = 'active', delete_at = NULL")
