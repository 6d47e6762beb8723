"""What staff's lists read of the database, where there are many tenants and one row of each."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from tests.buffers import reads
from tests.conftest import Api
from tests.decisions.deciding import recommend, shop_of
from tests.owner import as_owner

TENANTS = 2_000
# Far more than a page has, and less than one look-up for each tenant takes. The list of tenants itself is small.
MOST_BUFFERS = 1_500

_TENANTS = """
    INSERT INTO tenants_tenant (id, name, slug, tenant_role, plan_tier, plan_status, tracked_user_limit, config,
                                kill_switch_active, shadow_mode)
    SELECT gen_random_uuid(), 'Other ' || n, 'other-' || n, 'standalone', 'starter', 'active', 10, '{}', false, false
    FROM generate_series(1, %s) n
"""
_ROWS_OF_EACH = """
    INSERT INTO {table} (tenant_id, {columns}) SELECT other_id, {columns} FROM {table}
    CROSS JOIN (SELECT id AS other_id FROM tenants_tenant WHERE slug LIKE 'other-%%') other WHERE tenant_id = %s
"""
_COLUMNS = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attname <> 'tenant_id'
"""


@pytest.fixture
def crowd(acme: Api) -> Api:
    shop = shop_of(acme)
    recommend(shop)
    as_owner(_TENANTS, TENANTS)
    for table in ("events_trackeduser", "decisions_decision"):
        columns = ", ".join(name for (name,) in as_owner(_COLUMNS, table))
        as_owner(_ROWS_OF_EACH.format(table=table, columns=columns), shop.tenant_id)
    as_owner("UPDATE decisions_decision SET id = 'dec_' || tenant_id")  # ids are unique over all tenants
    as_owner("VACUUM ANALYZE events_trackeduser, decisions_decision, tenants_tenant")
    return shop


def test_every_list__of_many_tenants__asks_none_of_them_one_by_one(crowd: Api, superuser: Client) -> None:
    for model, page in admin.site._registry.items():
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        with reads() as read:
            assert superuser.get(url).status_code == 200
        for each in read:
            assert each.buffers <= MOST_BUFFERS, (type(page), each)


@pytest.mark.parametrize(
    "query",
    [
        {"stopped_by": "budget"},
        {"holdout__exact": "1"},
        {"action": "nothing_of_this_name"},
        {"created_at__gte": "2020-01-01 00:00:00+00:00", "shadow__exact": "1"},
        {"before": "MjAyNi0wMS0wMVQwMDowMDowMCswMDowMCBk"},
    ],
)
def test_decisions__filtered__look_at_a_bounded_number(
    crowd: Api, superuser: Client, monkeypatch: pytest.MonkeyPatch, query: dict[str, str]
) -> None:
    monkeypatch.setattr("tenants.staff.newest.LOOK", 100)

    with reads() as read:
        assert superuser.get(reverse("admin:decisions_decisionrow_changelist"), query).status_code == 200

    assert max(each.rows for each in read if "decisions_decision" in each.sql) <= 2 * 100
