import io
import json
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from tenants.context import staff_context
from tenants.models import ApiKey, AuditEntry, Tenant
from tests.conftest import Api


def run(name: str, /, **options: Any) -> str:
    output = io.StringIO()
    call_command(name, stdout=output, **options)
    return output.getvalue()


def test_create_partner__as_json__prints_a_key_that_works() -> None:
    printed = json.loads(run("create_partner", name="Acme", slug="acme", plan_tier="scale", json=True))

    assert printed.keys() == {"tenant_id", "slug", "api_key"}
    api = Api(UUID(printed["tenant_id"]), printed["api_key"])
    assert api.get("/api/partners/stats").status_code == 200
    with staff_context():
        assert Tenant.objects.get().plan_tier == "scale"
        assert set(AuditEntry.objects.values_list("actor", flat=True)) == {"command:create_partner"}


def test_create_partner__slug_taken_or_malformed__is_one_clear_error() -> None:
    run("create_partner", name="Acme", slug="acme")

    with pytest.raises(CommandError, match="taken"):
        run("create_partner", name="Acme", slug="acme")
    with pytest.raises(CommandError, match="Lowercase"):
        run("create_partner", name="Acme", slug="Acme!")
    with staff_context():
        assert Tenant.objects.count() == 1


def test_create_api_key__by_slug_or_uuid__prints_a_key_that_works(acme: Api) -> None:
    for reference in ("acme", str(acme.tenant_id)):
        printed = json.loads(run("create_api_key", tenant=reference, scope=["partner"], json=True))
        assert Api(acme.tenant_id, printed["api_key"]).get("/api/partners/stats").status_code == 200


def test_create_api_key__test_mode__is_refused_and_makes_nothing(acme: Api) -> None:
    with pytest.raises(CommandError, match="A test key belongs to a test tenant"):
        run("create_api_key", tenant="acme", scope=["full"], test=True)
    with staff_context():
        assert ApiKey.objects.count() == 1


def test_create_api_key__slug_of_no_or_several_tenants__is_one_clear_error(acme: Api, rival: Api) -> None:
    acme.provision("merchant")
    rival.provision("merchant")

    with pytest.raises(CommandError, match="no tenant"):
        run("create_api_key", tenant="nobody", scope=["full"])
    with pytest.raises(CommandError, match="more than one"):
        run("create_api_key", tenant="merchant", scope=["full"])


def test_seed_demo__outside_development__is_refused_and_makes_nothing(settings: Any) -> None:
    settings.DEVELOPMENT = False

    with pytest.raises(CommandError, match="development alone"):
        run("seed_demo")
    with staff_context():
        assert (Tenant.objects.count(), User.objects.count()) == (0, 0)


def test_seed_demo__twice__adds_nothing_the_second_time() -> None:
    first, second = run("seed_demo"), run("seed_demo")

    assert "rt_live_" in first
    assert second == ""
    with staff_context():
        assert Tenant.objects.count() == 4
