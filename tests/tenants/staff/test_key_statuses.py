from datetime import timedelta

from django.db.models import F
from django.test import Client
from django.utils import timezone

from tenants import services
from tenants.context import staff_context
from tenants.models import ApiKey, RevokedReason, Scope
from tests.conftest import Api
from tests.owner import as_owner
from tests.tenants.staff.people import KEYS


def test_key_list__each_status__has_the_keys_that_show_it(viewer: Client, merchant: Api) -> None:
    def issued(label: str) -> ApiKey:
        return services.issue_key(actor="test", tenant_id=merchant.tenant_id, scopes=[Scope.FULL], label=label).record

    with staff_context():
        ApiKey.objects.update(revoked_at=F("created_at"))
        made = {label: issued(label) for label in ("is-active", "is-expiring", "is-expired", "is-revoked", "is-leaked")}
        successor = services.rotate_key(actor="test", key=made["is-expiring"], overlap=timedelta(hours=1))
        services.revoke_key(actor="test", key_id=successor.record.id)
        ApiKey.objects.filter(label="is-expired").update(expires_at=timezone.now())
        services.revoke_key(actor="test", key_id=made["is-revoked"].id)
    as_owner(
        "UPDATE tenants_apikey SET revoked_at = now(), revoked_reason = %s WHERE label = 'is-leaked'",
        RevokedReason.LEAKED,
    )

    for label in made:
        page = viewer.get(KEYS, {"status": label.removeprefix("is-")}).content.decode()
        assert {other for other in made if f">{other}<" in page} - {label} <= (
            {"is-expiring"} if label == "is-revoked" else set()  # its successor's label
        )
        assert f">{label}<" in page
