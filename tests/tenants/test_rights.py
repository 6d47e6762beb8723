"""What the runtime role may write under a tenant's context: what an endpoint does, and nothing else."""

import pytest
from django.db import IntegrityError, ProgrammingError, connection
from django.utils import timezone

from tenants.context import staff_context, tenant_context
from tenants.models import Deletion, DeletionStatus, PlanStatus
from tenants.services import set_plan_status
from tests.conftest import Api
from tests.owner import as_owner
from tests.tenants.scene import two_partners

__all__ = ["two_partners"]  # the fixture


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


# Nobody changes or deletes these before the partner itself is deleted; only the owner's functions do. A trigger or the
# rights refuse it, for staff, too, whatever they write.
KEPT = [
    "UPDATE tenants_auditentry SET detail = '{}'",
    "DELETE FROM tenants_auditentry",
    "UPDATE tenants_auditcheckpoint SET seq = 0",
    "DELETE FROM tenants_auditcheckpoint",
    "UPDATE tenants_audithead SET position = 0",
    "UPDATE tenants_partnerevent SET data = '{}'",
    "DELETE FROM tenants_partnerevent",
    "UPDATE tenants_eventhead SET seq = 0",
    "DELETE FROM tenants_eventhead",
    "UPDATE tenants_certificatekey SET x = ''",
    "DELETE FROM tenants_certificatekey",
    "UPDATE tenants_deletion SET jws = 'another'",
    "UPDATE tenants_deletion SET status = 'scheduled'",
    "UPDATE tenants_deletion SET owner_id = gen_random_uuid()",
    "DELETE FROM tenants_deletion",
    "UPDATE integrations_revision SET note = 'x'",
    "DELETE FROM integrations_revision",
    "UPDATE integrations_revisiontemplate SET description = 'x'",
    "DELETE FROM integrations_revisiontemplate",
    "DELETE FROM integrations_secretversion",
    "UPDATE delivery_certification SET report = '[]'",
    "DELETE FROM delivery_certification",
    "UPDATE events_usage SET events = 0",
    "DELETE FROM events_usage",
    "UPDATE learning_release SET epsilon = 0",
    "DELETE FROM learning_release",
    "UPDATE learning_receipt SET epsilon = 0",
    "DELETE FROM learning_receipt",
    *(f"TRUNCATE {table}" for table in ("tenants_auditentry", "tenants_partnerevent", "integrations_revision")),
]


@pytest.fixture
def kept(acme: Api) -> None:
    """A row of each table whose rows are kept by triggers."""
    acme.register()
    as_owner(
        "INSERT INTO delivery_certification (tenant_id, endpoint_id, integration_id, secret_version, revision, status,"
        " report, finished_at) SELECT i.tenant_id, e.id, i.id, v.version, 1, 'passed', '[{}]', now()"
        " FROM integrations_partnerintegration i, integrations_secretversion v, delivery_endpoint e"
    )
    with staff_context():
        Deletion.objects.create(
            subject_hash="x",
            owner_id=acme.tenant_id,
            requested_by="test",
            delete_at=timezone.now(),
            status=DeletionStatus.VERIFIED,
            jws="x",
            finished_at=timezone.now(),
        )
    as_owner(
        "INSERT INTO events_usage (tenant_id, unit, starts_on, correction, active_users, events, decisions,"
        " actions_delivered, outcomes, action_cost_usd, counted_at, closed_at)"
        " VALUES (%s, 'month', '2026-01-01', 0, 0, 0, 0, 0, 0, 0, now(), now())",
        acme.tenant_id,
    )


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("statement", KEPT)
def test_staff__what_is_kept__neither_change_nor_delete(statement: str) -> None:
    with pytest.raises(ProgrammingError, match=r"permission denied|is refused"), staff_context():
        connection.cursor().execute(statement)


@pytest.mark.usefixtures("kept")
def test_staff__of_a_partner_whose_deletion_is_due__delete_what_was_kept(acme: Api) -> None:
    tables = (
        "delivery_certification",
        "integrations_secretversion",
        "integrations_revisiontemplate",
        "tenants_partnerevent",
    )
    delete = "DELETE FROM {} WHERE tenant_id = %s"
    as_owner(
        "UPDATE tenants_tenant SET plan_status = 'deleting', delete_at = now() + interval '1 day' WHERE id = %s",
        acme.tenant_id,
    )
    for table in tables:
        with pytest.raises(ProgrammingError, match="permission denied"), staff_context():
            connection.cursor().execute(delete.format(table), [acme.tenant_id])

    as_owner("UPDATE tenants_tenant SET delete_at = now() WHERE id = %s", acme.tenant_id)

    for table in tables:
        with staff_context(), connection.cursor() as cursor:
            cursor.execute(delete.format(table), [acme.tenant_id])
            assert cursor.rowcount > 0, table


def test_staff__what_the_trigger_keeps__delete_with_its_tenant_alone(two_partners: tuple[Api, Api]) -> None:
    """Deletions of tenants run as staff, so staff have the right; the trigger bounds it."""
    kept = as_owner(
        "SELECT tgrelid::regclass::text, coalesce(nullif(encode(tgargs, 'escape'), ''), '') FROM pg_trigger"
        " WHERE tgfoid = 'refuse_change'::regproc AND (tgtype & 8) <> 0 AND tgparentid = 0"
    )
    tenants = {table: "partner_id" if "partner_id" in arguments else "tenant_id" for table, arguments in kept}
    assert tenants.keys() == {
        "delivery_certification",
        "events_reachedthreshold",
        "integrations_revision",
        "integrations_revisiontemplate",
        "integrations_secretversion",
        "learning_pattern",
        "tenants_eventhead",
        "tenants_partnerevent",
    }
    partner = two_partners[0].tenant_id
    as_owner("UPDATE delivery_certification SET status = 'failed', finished_at = now() WHERE finished_at IS NULL")
    for table, column in tenants.items():
        statement = f"DELETE FROM {table} WHERE {column} = %s"
        found = as_owner(f"SELECT count(*) FROM {table} WHERE {column} = %s", partner)
        assert found[0][0] > 0, table
        with pytest.raises(ProgrammingError, match="permission denied: "), staff_context():
            connection.cursor().execute(statement, [partner])
    for nobodys in as_owner("SELECT id FROM learning_pattern WHERE partner_id IS NULL"):
        with pytest.raises(ProgrammingError, match="permission denied: "), staff_context():
            connection.cursor().execute("DELETE FROM learning_pattern WHERE id = %s", nobodys)

    as_owner("UPDATE tenants_tenant SET plan_status = 'deleting', delete_at = now() WHERE id = %s", partner)
    with staff_context(), connection.cursor() as cursor:
        for table, column in (("events_reachedthreshold", "tenant_id"), ("learning_pattern", "partner_id")):
            cursor.execute(f"DELETE FROM {table} WHERE {column} = %s", [partner])
            assert cursor.rowcount > 0, table
