"""Who may write which layer, as the runtime role, and what the triggers hold."""

import pytest
from django.db import IntegrityError, ProgrammingError, connection

from tenants.context import staff_context, tenant_context
from tests.conftest import Api
from tests.owner import as_owner
from tests.tenants.controls.layers import of_partner, of_staff

SAY = "INSERT INTO tenants_control (tenant_id, layer, kill_switch_since) VALUES (%s, %s, now())"
LIFT = "UPDATE tenants_control SET kill_switch_since = NULL WHERE tenant_id = %s AND layer = %s"


def test_layer__of_another__is_neither_written_nor_lifted(acme: Api, merchant: Api, rival: Api) -> None:
    contexts = {
        "self": tenant_context(merchant.tenant_id),
        "partner": tenant_context(acme.tenant_id),
        "rival": tenant_context(rival.tenant_id),
    }
    for who in contexts:
        for layer in ("self", "partner", "staff"):
            context = {"self": merchant, "partner": acme, "rival": rival}[who]
            if who == layer:
                with tenant_context(context.tenant_id), connection.cursor() as cursor:
                    cursor.execute(SAY, [merchant.tenant_id, layer])
                    cursor.execute(LIFT, [merchant.tenant_id, layer])
                    assert cursor.rowcount == 1
                continue
            as_owner("INSERT INTO tenants_control (tenant_id, layer) VALUES (%s, %s)", merchant.tenant_id, layer)
            with tenant_context(context.tenant_id), connection.cursor() as cursor:
                cursor.execute(LIFT, [merchant.tenant_id, layer])
                assert cursor.rowcount == 0, (who, layer)
            as_owner("DELETE FROM tenants_control")
            with (
                pytest.raises(ProgrammingError, match="row-level security"),
                tenant_context(context.tenant_id),
                connection.cursor() as cursor,
            ):
                cursor.execute(SAY, [merchant.tenant_id, layer])
        as_owner("DELETE FROM tenants_control")


@pytest.mark.parametrize("layer", ["self", "partner"])
def test_layer__of_a_tenant_or_partner__is_not_staffs_to_write(acme: Api, merchant: Api, layer: str) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"), staff_context(), connection.cursor() as cursor:
        cursor.execute(SAY, [merchant.tenant_id, layer])


def test_rows__of_a_partner__are_not_its_customers_to_see(acme: Api, merchant: Api) -> None:
    of_staff(acme, kill_switch={"active": True})
    with tenant_context(merchant.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tenants_control")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT because FROM controls_of_caller()")
        assert cursor.fetchone() == (["staff_kill_switch"],)


@pytest.mark.parametrize(
    ("row", "constraint"),
    [
        ("'partner', now(), NULL, NULL, NULL", "control_suspension_has_mode"),
        ("'partner', NULL, 'full', NULL, NULL", "control_suspension_has_mode"),
        ("'partner', now(), 'half', NULL, NULL", "control_suspension_has_mode"),
        ("'staff', now(), 'full', NULL, NULL", "control_staff_cascade"),
        ("'staff', now(), 'full', 366, NULL", "control_staff_cascade"),
        ("'self', now(), 'full', NULL, NULL", "control_of_ones_own"),
        ("'self', NULL, NULL, NULL, 5", "control_of_ones_own"),
        ("'partner', NULL, NULL, NULL, -1", "control_budget_not_negative"),
        ("'nobody', NULL, NULL, NULL, NULL", "control_layer_known"),
    ],
)
def test_row__that_says_half_of_something__is_refused(merchant: Api, row: str, constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        as_owner(
            "INSERT INTO tenants_control"
            " (tenant_id, layer, suspended_since, suspension_mode, cascade_days, action_budget_usd_max)"
            f" VALUES ('{merchant.tenant_id}', {row})"
        )


@pytest.mark.parametrize(
    "config",
    [
        '{"action_budget_usd": "1000000", "holdout_percent": 20}',
        '{"action_budget_usd": 11, "holdout_percent": 20}',
        '{"holdout_percent": 20}',
        '{"action_budget_usd": "10", "holdout_percent": 0}',
        '{"action_budget_usd": "10"}',
    ],
)
def test_config__beyond_what_the_partner_allows__is_refused_in_sql(acme: Api, merchant: Api, config: str) -> None:
    of_partner(acme, merchant, action_budget_usd={"max": 10}, holdout_percent={"min": 20})
    statement = "UPDATE tenants_tenant SET config = %s::jsonb WHERE id = %s"

    for context in (tenant_context(merchant.tenant_id), tenant_context(acme.tenant_id), staff_context()):
        with pytest.raises(ProgrammingError, match="leaves what the partner or staff allow"), context:
            connection.cursor().execute(statement, [config, merchant.tenant_id])
    with tenant_context(merchant.tenant_id):
        connection.cursor().execute(statement, ['{"action_budget_usd": 9, "holdout_percent": 30}', merchant.tenant_id])


def test_switches__written_as_by_the_release_before__are_entered_in_the_writers_layer(acme: Api, merchant: Api) -> None:
    on = f"UPDATE tenants_tenant SET kill_switch_active = true WHERE id = '{merchant.tenant_id}'"
    off = on.replace("= true", "= false")

    def layers() -> set[str]:
        rows = as_owner("SELECT layer FROM tenants_control WHERE kill_switch_since IS NOT NULL")
        return {layer for (layer,) in rows}

    with tenant_context(acme.tenant_id):
        connection.cursor().execute(on)
    assert layers() == {"partner"}
    with tenant_context(merchant.tenant_id):
        connection.cursor().execute(off)
    assert layers() == {"partner"}
    assert as_owner("SELECT kill_switch_active FROM tenants_tenant WHERE id = %s", merchant.tenant_id) == [(True,)]
    with tenant_context(acme.tenant_id):
        connection.cursor().execute(off)
    assert layers() == set()
    with tenant_context(acme.tenant_id):
        connection.cursor().execute(on.replace("kill_switch_active = true", "plan_status = 'suspended'"))
    assert as_owner("SELECT layer, suspension_mode FROM tenants_control WHERE suspended_since IS NOT NULL") == [
        ("partner", "full")
    ]
    assert merchant.get("/api/me").json()["code"] == "tenant_suspended"
