"""Isolation below the ORM: of rows of every table, which the database shows under a tenant's context."""

import re
from typing import Any

import pytest
from django.db import connection

from tenants.context import tenant_context
from tests.conftest import Api
from tests.tenants.scene import make_two_partners
from tests.tenants.test_isolation import OF_ALL, TENANT_COLUMNS

# A customer has none.
OF_PARTNERS = {
    "delivery_webhook",
    "delivery_webhookreader",
    "delivery_webhookdelivery",
    "delivery_webhookattempt",
    "delivery_failurecount",
    "delivery_endpointhour",
    "delivery_recovery",
    "delivery_certification",
}


@pytest.fixture(scope="module")
def two_partners(kept_rows: None) -> tuple[Api, Api]:
    return make_two_partners()


def test_raw_sql__a_partner__sees_none_of_its_customers_users_events_and_models(two_partners: tuple[Api, Api]) -> None:
    acme, _ = two_partners
    rooms = ("events_", "learning_", "delivery_", "decisions_", "integrations_actiontype")
    for table in (name for name in TENANT_COLUMNS if name.startswith(rooms)):
        assert _tenants_seen(table, acme) == {acme.tenant_id}


@pytest.mark.parametrize("table", TENANT_COLUMNS)
def test_raw_sql__under_a_partners_context__sees_its_rows_alone(table: str, two_partners: tuple[Api, Api]) -> None:
    acme, _ = two_partners
    own = {acme.tenant_id, *_customers(acme)}

    seen = _tenants_seen(table, acme)

    assert seen
    assert seen <= own


@pytest.mark.parametrize("table", sorted(TENANT_COLUMNS))
def test_raw_sql__under_a_customers_context__sees_its_rows_alone(table: str, two_partners: tuple[Api, Api]) -> None:
    acme, _ = two_partners
    (customer,) = _customers(acme)
    column = {
        "tenants_tenant": "id",
        "tenants_deletion": "subject_id",
        "tenants_auditcheckpoint": "family_id",
        "integrations_partnerintegration": f"'{customer}'::uuid",
        "integrations_actiontypetemplate": f"'{customer}'::uuid",
        "integrations_revision": f"'{customer}'::uuid",
        "integrations_revisiontemplate": f"'{customer}'::uuid",
        "learning_pattern": f"CASE partner_id WHEN '{acme.tenant_id}' THEN '{customer}'::uuid END",
    }.get(table, "tenant_id")

    with tenant_context(customer), connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT {column} FROM {table}")
        seen = {row[0] for row in cursor.fetchall()}
        assert seen <= {customer}
        assert seen or not table.startswith("delivery_") or table in OF_PARTNERS


@pytest.mark.parametrize("table", sorted(TENANT_COLUMNS.keys() | OF_ALL))
def test_raw_sql__without_a_context__sees_nothing(table: str, two_partners: tuple[Api, Api]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        assert cursor.fetchone() == (0,)


FILTER = re.compile(r"(\w+\.)?(tenant_id|partner_id|parent_id)\s*=\s*(%\((partner_id|tenant_id)\)s|caller\.tenant_id)")


@pytest.mark.parametrize("path", ["customers", "stats", "integrations", "customers/{customer}"])
def test_answers__with_every_tenant_filter_taken_away__still_leak_nothing(
    path: str, two_partners: tuple[Api, Api]
) -> None:
    acme, rival = two_partners
    path = f"/api/partners/{path.format(customer=_customers(acme)[0])}"
    foreign = {str(id) for id in (rival.tenant_id, *_customers(rival))} | set(_ids(rival))
    removed: list[str] = []

    def without_filters(execute: Any, sql: str, parameters: Any, *args: Any) -> Any:
        # The ORM's filters have positional parameters, which stay in use for the driver to count.
        stripped = FILTER.sub("true", sql)
        stripped = re.sub(r'"\w+"\."tenant_id" = (%s)', r"\1::uuid IS NOT NULL", stripped)
        if stripped != sql:
            removed.append(sql)
        return execute(stripped, parameters, *args)

    with connection.execute_wrapper(without_filters):
        response = acme.get(path)

    assert removed
    assert response.status_code == 200
    assert not {id for id in foreign if id in response.content.decode()}


def test_anothers_customer__with_every_tenant_filter_taken_away__is_still_404(two_partners: tuple[Api, Api]) -> None:
    acme, rival = two_partners

    def without_filters(execute: Any, sql: str, parameters: Any, *args: Any) -> Any:
        return execute(FILTER.sub("true", sql), parameters, *args)

    with connection.execute_wrapper(without_filters):
        assert acme.get(f"/api/partners/customers/{_customers(rival)[0]}").status_code == 404


def _customers(partner: Api) -> list[Any]:
    with tenant_context(partner.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_tenant WHERE parent_id = %s", [partner.tenant_id])
        return [row[0] for row in cursor.fetchall()]


def _tenants_seen(table: str, partner: Api) -> set[Any]:
    with tenant_context(partner.tenant_id), connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT {TENANT_COLUMNS[table]} FROM {table}")
        return {row[0] for row in cursor.fetchall()}


def _ids(partner: Api) -> list[str]:
    """Of its integrations and its customers' keys."""
    with tenant_context(partner.tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id::text FROM integrations_partnerintegration UNION ALL SELECT prefix FROM tenants_apikey"
        )
        return [row[0] for row in cursor.fetchall()]
