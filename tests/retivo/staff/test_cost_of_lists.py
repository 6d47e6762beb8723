"""What staff's lists read of the database, where there are many tenants and one row of each."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

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
    as_owner("VACUUM ANALYZE events_trackeduser, decisions_decision, tenants_tenant, tenants_partnerevent")
    return shop


def test_every_list__of_many_tenants__asks_none_of_them_one_by_one(crowd: Api, superuser: Client) -> None:
    for model, page in admin.site._registry.items():
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        with reads() as read:
            assert superuser.get(url).status_code == 200
        for each in read:
            assert each.buffers <= MOST_BUFFERS, (type(page), each)


def _pages(superuser: Client) -> Iterator[tuple[str, dict[str, str]]]:
    """Each list with a search that finds nothing and one that finds most, and with each choice of each filter."""
    for model, page in admin.site._registry.items():
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        if page.search_fields:
            yield from ((url, {"q": text}) for text in ("nobody", "other"))
        for spec in superuser.get(url).context["cl"].filter_specs:
            for choice in spec.choices(superuser.get(url).context["cl"]):
                if query := dict(parse_qsl(choice.get("query_string", "").lstrip("?"))):
                    yield url, query
            yield from ((url, {str(spec.parameter_name): str(value)}) for value, _ in _choices(spec))


def _choices(spec: Any) -> Any:
    return getattr(spec, "lookup_choices", ()) if hasattr(spec, "parameter_name") else ()


def test_every_search_and_filter__of_many_tenants__reads_each_row_a_few_times_at_most(
    crowd: Api, superuser: Client
) -> None:
    """A part of a name has no index, so a search reads the table once to count and once for its page.

    A row counts at each step of a plan that it comes through.
    """
    for url, query in _pages(superuser):
        with reads() as read:
            assert superuser.get(url, query).status_code in (200, 302), (url, query)
        for each in read:
            assert each.rows <= 8 * TENANTS, (url, query, each)


@pytest.mark.parametrize("term", ["", "nobody", "other", "other 77"])
@pytest.mark.parametrize("model", ["delivery.actionrow", "delivery.endpointrow", "decisions.decisionrow"])
def test_every_autocompletion__reads_tenants_alone_and_does_not_sort_them(
    crowd: Api, superuser: Client, model: str, term: str
) -> None:
    app, _, name = model.partition(".")
    with reads() as read:
        answer = superuser.get(
            reverse("admin:autocomplete"), {"app_label": app, "model_name": name, "field_name": "tenant", "term": term}
        )

    assert answer.status_code == 200
    of_tenants = [each for each in read if "tenants_tenant" in each.sql]
    assert of_tenants
    for each in of_tenants:
        assert each.rows <= TENANTS + 10, each
        assert "tenants_apikey" not in each.sql
        assert each.buffers <= 300, each


def test_a_search__that_takes_too_long__says_so_and_ends(
    crowd: Api, superuser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retivo.staff.lists.PATIENCE", "1ms")
    # Without the trigger that chains entries, which takes minutes for so many in one transaction.
    as_owner("SET session_replication_role = replica")
    as_owner(
        "INSERT INTO tenants_auditentry (actor, action, detail) SELECT 'a', 'b', '{}' FROM generate_series(1, 99999)"
    )
    as_owner("SET session_replication_role = origin")

    answer = superuser.get(reverse("admin:tenants_auditentry_changelist"), {"q": "nobody"})

    assert answer.status_code == 200
    assert "That takes too long to find" in answer.content.decode()


def test_pages__of_more_rows_than_are_counted__say_that_there_are_more(
    crowd: Api, superuser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retivo.staff.lists.COUNTED", 150)

    first = superuser.get(reverse("admin:tenants_tenant_changelist"))
    second = superuser.get(reverse("admin:tenants_tenant_changelist"), {"p": 2})

    assert first.context["cl"].result_count == 150
    assert "or more" in first.content.decode()
    keys = [[tenant.pk for tenant in page.context["cl"].result_list] for page in (first, second)]
    assert [len(page) for page in keys] == [100, 50]
    assert not {*keys[0]} & {*keys[1]}


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
