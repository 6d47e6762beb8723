"""The database's own rules, tried as staff, who are bound by nothing else."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from tenants import services
from tenants.context import staff_context
from tenants.models import Tenant, TenantRole
from tests.conftest import Api, make_partner


def insert(**fields: Any) -> Tenant:
    with staff_context():
        return Tenant.objects.create(**{"name": "T", "slug": "some-tenant", **fields})


@pytest.mark.parametrize("role", ["standalone", "partner"])
def test_tenant__root_role_with_a_parent__is_refused(acme: Api, role: str) -> None:
    with pytest.raises(IntegrityError, match="tenant_customers_alone_have_a_parent"):
        insert(tenant_role=role, parent_id=acme.tenant_id)


def test_tenant__customer_without_a_parent__is_refused() -> None:
    with pytest.raises(IntegrityError, match="tenant_customers_alone_have_a_parent"):
        insert(tenant_role=TenantRole.CUSTOMER)


def test_tenant__customer_of_a_standalone_tenant__is_refused() -> None:
    root = insert(slug="root")
    with pytest.raises(IntegrityError, match="tenant_parent_is_a_partner"):
        insert(tenant_role=TenantRole.CUSTOMER, parent_id=root.id)


def test_tenant__customer_of_a_customer__is_refused(merchant: Api) -> None:
    with pytest.raises(IntegrityError, match="tenant_parent_is_a_partner"):
        insert(tenant_role=TenantRole.CUSTOMER, parent_id=merchant.tenant_id)


def test_tenant__role_of_a_partner_with_customers__cannot_change(acme: Api, merchant: Api) -> None:
    with pytest.raises(IntegrityError, match="tenant_parent_is_a_partner"), staff_context():
        Tenant.objects.filter(id=acme.tenant_id).update(tenant_role=TenantRole.STANDALONE)


def test_tenant__role_of_a_partner_without_customers__can_change(acme: Api) -> None:
    with staff_context():
        assert Tenant.objects.filter(id=acme.tenant_id).update(tenant_role=TenantRole.STANDALONE) == 1


def test_slug__two_root_tenants__are_not_the_same() -> None:
    make_partner("Acme")
    with pytest.raises(ValidationError, match="taken"):
        make_partner("Acme")
    with pytest.raises(IntegrityError, match="tenant_slug_unique_under_parent"):
        insert(slug="acme")


@pytest.mark.parametrize("slug", ["a", "A-b", "-ab", "ab-", "a--b", "a b", "ä-b", "ab\n", "a" * 64, ""])
def test_slug__malformed__is_refused_by_the_form_and_by_the_database(slug: str) -> None:
    with pytest.raises(ValidationError), staff_context():
        services.create_partner(actor="test", name="P", slug=slug)
    with pytest.raises(Exception, match=r"tenant_slug_format|too long"):
        insert(slug=slug)


@pytest.mark.parametrize("field", ["plan_tier", "plan_status", "tenant_role"])
def test_choices__unknown_value__is_refused(field: str) -> None:
    with pytest.raises(IntegrityError, match=r"_known"):
        insert(**{field: "gold"})


def test_tracked_user_limit__negative__is_refused() -> None:
    with pytest.raises(IntegrityError, match="tenant_limit_not_negative"):
        insert(tracked_user_limit=-1)
