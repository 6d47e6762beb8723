"""Whatever stands in a query, a path or a login of the staff's pages, the answer is never a 5xx."""

from urllib.parse import quote

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from tests.conftest import Api

ODD = ["a\0b", "9" * 400, "'%\\[", "-1"]


@pytest.fixture
def staff(superuser: Client) -> Client:
    superuser.raise_request_exception = False
    return superuser


def lists() -> list[str]:
    models = [model._meta for model in admin.site._registry]
    return [reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist") for meta in models]


def test_list__with_whatever_in_its_query__is_answered(merchant: Api, staff: Client) -> None:
    for url, page in zip(lists(), admin.site._registry.values(), strict=True):
        filters = [each[0] if isinstance(each, tuple) else each for each in page.list_filter or ()]
        names = [each if isinstance(each, str) else getattr(each, "parameter_name", None) for each in filters]
        for name in ["q", "p", "o", "id__exact", *(f"{name}__exact" for name in names if name)]:
            for odd in ODD:
                assert staff.get(url, {name: odd}).status_code < 500, (url, name, odd[:9])


def test_object__of_whatever_id__is_answered(merchant: Api, staff: Client) -> None:
    for url in lists():
        for odd in ODD:
            assert staff.get(f"{url}{quote(odd, safe='')}/change/").status_code < 500, (url, odd[:9])


def test_search_and_login__of_whatever_text__is_answered(merchant: Api, staff: Client) -> None:
    for odd in ODD:
        assert staff.get("/admin/search/", {"s": odd, "q": odd}).status_code < 500, odd[:9]
        login = Client(raise_request_exception=False).post("/admin/login/", {"username": odd, "password": odd})
        assert login.status_code < 500, odd[:9]
