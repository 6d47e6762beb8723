"""What a person meets under /admin/ where a program meets a problem."""

from typing import Any

import psycopg
import pytest
from django.test import Client
from django.test.utils import override_script_prefix

from retivo.staff import error_pages
from tests.conftest import Api, database_url
from tests.tenants.staff.people import TENANTS, page_of


@pytest.mark.parametrize(("path", "status"), [("/admin/nonsense/", 404), ("/admin/auth/user/", 403)])
def test_staff_pages__what_is_not_there_or_not_theirs__is_a_page(viewer: Client, path: str, status: int) -> None:
    response = viewer.get(path)

    assert (response.status_code, response["Content-Type"]) == (status, "text/html; charset=utf-8")
    html = response.content.decode()
    assert f">{status}<" in html
    assert response["X-Request-Id"] in html


def test_staff_pages__of_an_installation_below_a_prefix__are_pages_with_their_policy(viewer: Client) -> None:
    for path, status in ((TENANTS, 200), ("/admin/nonsense/", 404), ("/admin/auth/user/", 403)):
        response = viewer.get(path, SCRIPT_NAME="/below")

        assert (response.status_code, response["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert "script-src" in response["Content-Security-Policy"]
        assert "sessionid" in response.cookies or status != 200  # it goes on


@pytest.mark.parametrize(("path", "to"), [("/", "/below/api/docs"), ("/admin", "/below/admin/")])
def test_redirects__of_an_installation_below_a_prefix__stay_below_it(path: str, to: str) -> None:
    with override_script_prefix("/below/"):
        response = Client().get(path, SCRIPT_NAME="/below")

    assert (response.status_code, response["Location"]) == (302, to)


def test_staff_pages__a_form_without_its_token__is_a_page(viewer: Client, acme: Api) -> None:
    checking = Client(enforce_csrf_checks=True)
    checking.cookies = viewer.cookies

    response = checking.post(page_of(acme, "suspend"))

    assert (response.status_code, response["Content-Type"]) == (403, "text/html; charset=utf-8")
    assert "Reload the page" in response.content.decode()


def test_staff_pages__a_failure__is_a_page_that_needs_no_database(
    viewer: Client, acme: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("tenants.admin.with_counts", fail)
    viewer.raise_request_exception = False

    response = viewer.get(TENANTS)

    assert (response.status_code, response["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert "secret" not in response.content.decode()


def test_staff_pages__a_commit_that_fails__is_a_page_with_a_policy(operator: Client, acme: Api) -> None:
    operator.raise_request_exception = False
    with psycopg.connect(database_url("owner")) as holder:
        holder.execute("SELECT FROM tenants_audithead FOR UPDATE")  # what a COMMIT with an audit entry needs
        response = operator.post(page_of(acme, "suspend"))

    assert (response.status_code, response["Retry-After"]) == (503, "1")
    assert "'unsafe-inline'" not in response["Content-Security-Policy"]


def test_api__what_is_not_there__stays_a_problem() -> None:
    for path in ("/api/nonsense", "/nonsense", "/administration"):
        response = Client().get(path)
        assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json"), path


def test_malformed__under_admin__is_a_page(rf: Any) -> None:
    for path, kind in (("/admin/x/", "text/html"), ("/api/x", "application/problem+json")):
        response = error_pages.handler400(rf.get(path), ValueError())
        assert (response.status_code, response["Content-Type"].split(";")[0]) == (400, kind)
