"""What a partner calls its customers and keeps with them: found, put, changed, listed."""

import sys
import unicodedata
from typing import Any
from uuid import UUID

import pytest
from django.db import DataError, IntegrityError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partners.references import checked
from retivo.api.errors import Problem
from tenants.context import tenant_context
from tenants.customers import slug_of
from tenants.models import EXTERNAL_ID
from tests.buffers import reads
from tests.conftest import Api
from tests.owner import as_owner
from tests.partners.customers.own_ids import PATH, path, put

UNUSUAL = [
    "a/b",
    "a%2Fb",
    "%2F",
    "/",
    "shop/api-keys",
    "🛍️ shop",
    "ext:1",
    "?q=1#x",
    "a b",
    "Ü",
    "x" * 255,
    "👩\u200d👩\u200d👧",
    "❤\ufe0f",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "می\u200cخواهم",
    "..",
    ".",
    "%",
]
# Joiners alone, overrides of the direction, separators, what is not assigned, what formats.
UNPRINTABLE = ["\u200d", " \u200d ", "a\u202eb", "a\u2066b", "a\u2028b", "a\u2029b", "a\u0378b", "a\u00adb", "a\x85b"]


# --- PUT ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("external_id", UNUSUAL)
def test_put__an_unusual_id__makes_a_customer_that_every_operation_finds(acme: Api, external_id: str) -> None:
    made = put(acme, external_id)

    assert made.status_code == 201, made.content
    customer = made.json()["customer"]
    assert customer["external_id"] == external_id
    assert Api(UUID(customer["tenant_id"]), customer["api_key"]).get("/api/settings").status_code == 200
    found = acme.get(path(external_id)).json()["customer"]
    assert (found["tenant_id"], found["external_id"]) == (customer["tenant_id"], external_id)
    assert acme.patch(path(external_id), {"name": "Renamed"}).json()["customer"]["name"] == "Renamed"
    (listed,) = acme.get(PATH, {"external_id": external_id}).json()["customers"]
    assert listed["tenant_id"] == customer["tenant_id"]


@pytest.mark.parametrize("external_id", ["", " ", "x" * 256, "a\nb", "a\x00b", "\ue000", "\u200b", *UNPRINTABLE])
def test_id__that_is_not_printable_or_too_long__is_refused_everywhere(acme: Api, external_id: str) -> None:
    answers = [
        put(acme, external_id),
        acme.get(path(external_id)),
        acme.post(PATH, {"name": "M", "slug": "mm", "external_id": external_id}),
    ]

    for answer in answers:
        code = answer.json()["code"]
        assert (answer.status_code, code) in {
            (400, "invalid_external_id"),
            (400, "nul_character"),  # in a body
            (404, "not_found"),  # no path of ours: without an id
        }
    assert acme.get(PATH).json()["total"] == 0


def test_put__by_the_tenants_id__is_404_and_says_what_finds_it(acme: Api) -> None:
    answer = acme.put(f"{PATH}/{acme.provision('shop').tenant_id}", {"name": "Another"})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "`ext:`" in answer.json()["detail"]


def test_id__with_a_slash_that_a_proxy_decoded__is_not_found(acme: Api) -> None:
    put(acme, "shop/1841")

    assert acme.get(path("shop/1841")).status_code == 200
    assert acme.get(f"{PATH}/ext:shop/1841").status_code == 404


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(external_id=st.text(min_size=1, max_size=300))
def test_put__any_text__is_kept_as_it_is_or_refused(acme: Api, external_id: str) -> None:
    answer = put(acme, external_id)

    if answer.status_code in (200, 201):
        assert answer.json()["customer"]["external_id"] == external_id
        assert acme.get(path(external_id)).json()["customer"]["external_id"] == external_id
    else:
        assert answer.status_code in (400, 404)
        assert not (external_id.isprintable() and external_id.strip() and len(external_id) <= 255)


def test_id__of_each_character_that_there_is__is_the_same_to_program_and_database() -> None:
    """Which are assigned at all is known to the program alone."""
    assigned = [
        each for each in map(chr, range(1, sys.maxunicode + 1)) if unicodedata.category(each) not in ("Cn", "Cs")
    ]
    statement = "SELECT c FROM unnest(%s::text[]) AS c WHERE 'a' || c || 'b' ~ %s"
    in_database = {each for (each,) in as_owner(statement, assigned, EXTERNAL_ID)}

    assert {each for each in assigned if is_taken(f"a{each}b")} == in_database


def is_taken(external_id: str) -> bool:
    try:
        return checked(external_id) == external_id
    except Problem:
        return False


# --- POST and PATCH -------------------------------------------------------------------------------------------------


def test_post__id_of_another_customer__is_409_and_names_it(acme: Api, rival: Api) -> None:
    body = {"name": "M", "slug": "m-1", "external_id": "shop-1", "metadata": {"a": "b"}}
    first = acme.post(PATH, body).json()["customer"]

    taken = acme.post(PATH, body | {"slug": "m-2"})

    assert (taken.status_code, taken.json()["code"]) == (409, "external_id_taken")
    assert taken.json()["tenant_id"] == first["tenant_id"]
    assert rival.post(PATH, body).status_code == 201
    assert acme.get(path("shop-1")).json()["customer"]["metadata"] == {"a": "b"}


def test_patch__id_and_metadata__are_set_merged_and_removed(acme: Api, merchant: Api) -> None:
    one = f"{PATH}/{merchant.tenant_id}"
    put(acme, "other")

    first = acme.patch(one, {"external_id": "shop-1", "metadata": {"a": "1", "b": "2"}}).json()["customer"]
    second = acme.patch(one, {"metadata": {"a": None, "c": "3"}}).json()["customer"]
    taken = acme.patch(one, {"external_id": "other", "name": "Renamed"})
    third = acme.patch(path("shop-1"), {"external_id": None}).json()["customer"]

    assert (first["external_id"], first["metadata"]) == ("shop-1", {"a": "1", "b": "2"})
    assert second["metadata"] == {"b": "2", "c": "3"}
    assert (taken.status_code, taken.json()["code"]) == (409, "external_id_taken")
    assert taken.json()["tenant_id"] == acme.get(path("other")).json()["customer"]["tenant_id"]
    assert (third["external_id"], third["name"]) == (None, "Merchant")
    assert acme.get(path("shop-1")).status_code == 404


def test_patch__metadata_that_grows_beyond_its_bound__is_refused(acme: Api, merchant: Api) -> None:
    one = f"{PATH}/{merchant.tenant_id}"
    assert acme.patch(one, {"metadata": {str(n): "x" for n in range(50)}}).status_code == 200

    answer = acme.patch(one, {"metadata": {"one more": "x"}})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/metadata")
    assert acme.patch(one, {"metadata": {"one more": "x", "0": None}}).status_code == 200


def test_replay__after_the_customer_changed__is_the_stored_answer(acme: Api) -> None:
    body = {"name": "M", "slug": "m-1", "external_id": "shop-1"}
    first = acme.post(PATH, body, Idempotency_Key="k")
    acme.patch(path("shop-1"), {"external_id": "shop-2", "name": "Renamed"})

    again = acme.post(PATH, body, Idempotency_Key="k")

    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert acme.get(PATH).json()["total"] == 1


# --- Lists ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def five(acme: Api) -> Api:
    for n, name in enumerate(["Delta", "alpha", "Bravo", "charlie", "Bravo"]):
        put(acme, f"Shop-{n}", name=name, metadata={"region": "eu" if n % 2 else "us", "n": str(n)})
    return acme


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [customer["external_id"] for customer in answer.json()["customers"]]


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "name"])
def test_list__page_by_page__is_the_whole_list_in_its_order(five: Api, sort: str) -> None:
    whole = ids(five.get(PATH, {"sort": sort}))
    pages: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = five.get(PATH, {"sort": sort, "limit": 2, **cursor})
        pages += ids(page)
        assert page.json()["total"] == 5
        if page.json()["next_cursor"] is None:
            break
        cursor = {"cursor": page.json()["next_cursor"]}

    assert pages == whole
    assert sorted(whole) == [f"Shop-{n}" for n in range(5)]
    if sort != "name":
        assert (whole if sort == "created_at" else whole[::-1]) == sorted(whole)


def test_list__by_what_a_partner_knows__holds_those(five: Api) -> None:
    created = [customer["created_at"] for customer in five.get(PATH).json()["customers"]]
    for query, expected in [
        ({"external_id": "Shop-3"}, [3]),
        ({"external_id": "shop-3"}, []),
        ({"metadata[region]": "eu"}, [1, 3]),
        ({"metadata[region]": "eu", "metadata[n]": "3"}, [3]),
        ({"metadata[region]": "asia"}, []),
        ({"q": "SHOP-2"}, [2]),
        ({"q": "bravo-2"}, [4]),
        ({"q": "bravo"}, [2, 4]),
        ({"q": "%"}, []),
        ({"created_after": created[1], "created_before": created[4]}, [2, 3]),
    ]:
        assert ids(five.get(PATH, query)) == [f"Shop-{n}" for n in expected], query


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"sort": "slug"}, "/sort"),
        ({"created_after": "yesterday"}, "/created_after"),
        ({"metadata[]": "x"}, "/metadata/"),
        ({"metadata": "x"}, "/metadata"),
        ({"metadata[a": "x"}, "/metadata[a"),
        ({"cursor": "bm9uZQ=="}, "/cursor"),
    ],
)
def test_list__what_is_no_filter__is_named(acme: Api, query: dict[str, str], pointer: str) -> None:
    answer = acme.get(PATH, query)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_list__cursor_of_another_order__is_refused(five: Api) -> None:
    cursor = five.get(PATH, {"sort": "name", "limit": 2}).json()["next_cursor"]

    assert five.get(PATH, {"limit": 2, "cursor": cursor}).json()["errors"][0]["code"] == "invalid_cursor"


def test_list__by_external_id_among_many__reads_one_row(acme: Api) -> None:
    # Before the statistics know of the many, they know of two, rather than of whatever there was at the last ANALYZE.
    for name in ("first", "second"):
        acme.provision(name)
    as_owner("ANALYZE tenants_tenant")
    as_owner(
        "INSERT INTO tenants_tenant (id, name, slug, tenant_role, plan_tier, plan_status, tracked_user_limit, config,"
        " parent_id, external_id) SELECT gen_random_uuid(), 'Name ' || n, 'slug-' || n, 'customer', 'starter',"
        " 'active', 10, '{}', %s, 'shop-' || n FROM generate_series(1, 20000) n",
        acme.tenant_id,
    )
    acme.get("/api/settings")  # a key's first request also asks whose customer its tenant is
    for analyzed in (False, True):
        if analyzed:
            as_owner("ANALYZE tenants_tenant")
        queries: list[dict[str, Any]] = [{"external_id": "shop-700"}, {"external_id": "shop-700", "limit": 10}]
        for query in queries + ([{"sort": "name", "limit": 5}] if analyzed else []):
            with reads() as read:
                assert acme.get(PATH, query).status_code == 200
            lists = [each for each in read if "tenants_tenant t" in each.sql and "count(*)" not in each.sql]
            assert sum(each.rows for each in lists) <= 12, (query, analyzed)


# --- The database ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "external_id = ''",
        "external_id = repeat('x', 256)",
        "external_id = E'a\\nb'",
        "metadata = '[]'",
        """metadata = '{"a": 1}'""",
        """metadata = '{"": "x"}'""",
        "metadata = jsonb_build_object(repeat('k', 41), 'x')",
        "metadata = jsonb_build_object('k', repeat('x', 501))",
        "metadata = (SELECT jsonb_object_agg(n, 'x') FROM generate_series(1, 51) n)",
    ],
)
def test_raw_sql__what_is_not_valid__is_refused(acme: Api, merchant: Api, change: str) -> None:
    refused = pytest.raises((IntegrityError, DataError))
    with refused, tenant_context(acme.tenant_id), connection.cursor() as cursor:
        cursor.execute(f"UPDATE tenants_tenant SET {change} WHERE id = %s", [merchant.tenant_id])


def test_raw_sql__an_id_without_a_parent_or_twice_under_one__is_refused(acme: Api, merchant: Api) -> None:
    put(acme, "shop-1")
    for tenant in (acme, merchant):
        with pytest.raises(IntegrityError), tenant_context(acme.tenant_id), connection.cursor() as cursor:
            cursor.execute("UPDATE tenants_tenant SET external_id = 'shop-1' WHERE id = %s", [tenant.tenant_id])


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Café du Nord", "cafe-du-nord"),
        ("  A & B, Inc.  ", "a-b-inc"),
        ("東京", "customer"),
        ("🛍️", "customer"),
        ("X", "customer"),
        ("x" * 80, "x" * 63),
        ("a" * 62 + " b", "a" * 62),
    ],
)
def test_slug__of_a_name(name: str, slug: str) -> None:
    assert slug_of(name) == slug
