"""What the runtime role may write under a tenant's context: what an endpoint does, and nothing else."""

import pytest
from django.db import IntegrityError, ProgrammingError, connection

from tenants.context import staff_context, tenant_context
from tenants.models import PlanStatus
from tenants.services import set_plan_status
from tests.conftest import Api


@pytest.mark.parametrize("table", ["auth_user", "django_session", "auth_group", "django_admin_log"])
def test_raw_sql__staffs_tables__are_closed_to_the_runtime_role(table: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenants_tenant SET plan_tier = 'scale'",
        "UPDATE tenants_tenant SET plan_status = 'suspended'",
        "UPDATE tenants_tenant SET tracked_user_limit = 10000",
        "UPDATE tenants_tenant SET suspended_by_staff = false",
        "UPDATE tenants_tenant SET slug = 'other'",
        "UPDATE tenants_tenant SET tenant_role = 'standalone'",
        "UPDATE tenants_tenant SET parent_id = NULL",
        "ALTER TABLE tenants_tenant DISABLE TRIGGER own_plan",
        "SET session_replication_role = replica",
        "UPDATE tenants_apikey SET digest = NULL",
        "UPDATE tenants_apikey SET last_used_at = NULL",
        "UPDATE tenants_auditentry SET actor = 'nobody'",
        "DELETE FROM tenants_auditentry",
        "DELETE FROM tenants_tenant",
        "TRUNCATE tenants_idempotentanswer",
        "ALTER TABLE tenants_tenant DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant_isolation ON tenants_tenant",
        "SET LOCAL ROLE app_auth",
    ],
)
def test_runtime_role__what_no_endpoint_does__is_denied(acme: Api, statement: str) -> None:
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), tenant_context(acme.tenant_id):
        connection.cursor().execute(statement)


@pytest.mark.parametrize(
    "change",
    [
        "tracked_user_limit = 10000",
        "plan_tier = 'scale'",
        """config = '{"overage": "allow"}'""",
        """config = config - 'retention_days'""",
        """config_by_partner = '{"overage": "allow"}'""",
    ],
)
def test_update__a_customers_plan__is_its_partners_to_change_and_not_its_own(acme: Api, change: str) -> None:
    merchant = acme.provision("merchant", config={"retention_days": 30})
    statement = f"UPDATE tenants_tenant SET {change} WHERE id = '{merchant.tenant_id}'"

    with pytest.raises(ProgrammingError, match="does not change its own plan"), tenant_context(merchant.tenant_id):
        connection.cursor().execute(statement)

    for context in (tenant_context(acme.tenant_id), staff_context()):
        with context, connection.cursor() as cursor:
            cursor.execute(statement)
            assert cursor.rowcount == 1


def test_update__of_all_tenants__reaches_the_contexts_alone(acme: Api, merchant: Api, rival: Api) -> None:
    customer = merchant.tenant_id
    statement = "UPDATE tenants_tenant SET name = 'x', config = '{\"mine\": 1}', shadow_mode = true RETURNING id"

    for tenant, seen in ((customer, {customer}), (acme.tenant_id, {acme.tenant_id, customer})):
        with tenant_context(tenant), connection.cursor() as cursor:
            cursor.execute(statement)
            assert {row[0] for row in cursor.fetchall()} == seen
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.fetchall() == []


def test_update__a_customer_suspended_by_staff__stays_so_for_its_partner(acme: Api, merchant: Api) -> None:
    with staff_context():
        set_plan_status(actor="test", tenant_id=merchant.tenant_id, plan_status=PlanStatus.SUSPENDED)

    with pytest.raises(IntegrityError, match="suspended_by_staff"), tenant_context(acme.tenant_id):
        connection.cursor().execute("UPDATE tenants_tenant SET plan_status = 'active' WHERE parent_id IS NOT NULL")


def test_insert__a_customer_for_another_partner__is_refused(acme: Api, rival: Api) -> None:
    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        tenant_context(acme.tenant_id),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "INSERT INTO tenants_tenant (id, name, slug, tenant_role, parent_id, plan_tier, plan_status,"
            " tracked_user_limit, config) VALUES (gen_random_uuid(), 'x', 'xx', 'customer', %s, 'starter', 'active',"
            " 1, '{}')",
            [rival.tenant_id],
        )


@pytest.mark.parametrize("tenant", ["NULL", "DEFAULT"])
def test_insert__an_audit_entry_without_a_tenant__is_staffs_alone(acme: Api, tenant: str) -> None:
    statement = (
        "INSERT INTO tenants_auditentry (actor, action, tenant_id, detail)"
        f" VALUES ('key:x', 'staff_user.created', {tenant}, '{{}}')"
    )
    with pytest.raises(ProgrammingError, match="row-level security"), tenant_context(acme.tenant_id):
        connection.cursor().execute(statement)
    with pytest.raises(ProgrammingError, match="row-level security"), connection.cursor() as cursor:
        cursor.execute(statement)  # nor without a context
    with staff_context():
        connection.cursor().execute(statement)


def test_insert__a_key_for_another_partner__is_refused(acme: Api, rival: Api) -> None:
    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        tenant_context(acme.tenant_id),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "INSERT INTO tenants_apikey (id, tenant_id, digest, prefix, label, scopes)"
            " VALUES (gen_random_uuid(), %s, sha256('x'), 'rt_live_xxxx', '', '{full}')",
            [rival.tenant_id],
        )


def test_share__anothers_integration_with_an_own_customer__breaks_a_foreign_key(
    acme: Api, merchant: Api, rival: Api
) -> None:
    """Foreign keys see past row-level security; the composite ones see whose rows they are, even for staff."""
    foreign = rival.register()["id"]
    for context in (tenant_context(acme.tenant_id), staff_context()):
        with pytest.raises(Exception, match="share_of_own_integration"), context, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO integrations_integrationshare (tenant_id, partner_id, integration_id) VALUES (%s, %s, %s)",
                [merchant.tenant_id, acme.tenant_id, foreign],
            )
