"""Every way in which staff can change something leaves its entry in the audit trail, and nothing else does.

The ways are found, not listed: each address under /admin/, each field of a page that can be saved, each bulk action,
button and inline of every registered admin class. What is found and is neither in `CHANGES` nor in `SHOWN` fails: its
entry is shown here before it is merged.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group, Permission, User
from django.db import connections
from django.test import Client, RequestFactory
from django.urls import get_resolver
from django.urls.resolvers import URLResolver
from django.utils import timezone

from delivery.models import ActionRow, EndpointRow
from integrations.models import PartnerIntegration, Rollout
from learning.models import Release
from tenants.context import staff_context
from tenants.models import ApiKey, Deletion, Tenant
from tests.conftest import make_partner
from tests.decisions.deciding import recommend
from tests.delivery.cast import merchant_of
from tests.owner import as_owner
from tests.partners.webhooks.cast import make
from tests.tenants.second_factor.apps import ENROL, VERIFY, App, enrolment
from tests.tenants.staff.people import PASSWORD

OBJECT = "<path:object_id>"
NEW_PASSWORD = "purple monkey dishwasher"
NEW_PASSWORDS = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}

# --- What is found --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """Something that staff can ask for. `part` is a field, an action or a button of the page at `route`."""

    route: str
    part: str = ""
    model_admin: Any = None
    permission: str = ""  # of the standard pages: add, change or delete

    def __str__(self) -> str:
        return f"{self.route} {self.part}".strip()


def request_of_a_superuser() -> Any:
    request = RequestFactory().get("/admin/")
    request.user = User(is_superuser=True, is_staff=True, is_active=True)
    return request


def addresses(patterns: Any, prefix: str = "/") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        route = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        else:
            yield route, pattern


def ways() -> Iterator[Way]:
    seen = set()
    for route, pattern in addresses(get_resolver().url_patterns):
        if not route.startswith("/admin") or route in seen:
            continue  # an address leads to the first pattern that it fits
        seen.add(route)
        model_admin = getattr(pattern.callback, "model_admin", None)
        permission = (pattern.name or "").rpartition("_")[2] if model_admin else ""
        permission = permission if permission in ("add", "change", "delete") else ""
        yield Way(route, model_admin=model_admin, permission=permission)
        if permission == "change":
            yield from parts(route, model_admin)


def parts(route: str, model_admin: Any) -> Iterator[Way]:
    """What can be changed on a change page and in the list above it, under their own addresses."""
    request = request_of_a_superuser()
    found = [f"action {name}" for name in model_admin.get_actions(request)]
    found += [f"edit {name} in the list" for name in model_admin.list_editable]
    # Those of unfold's that lead to a page of their own are addresses.
    found += [f"button {name}" for name in getattr(model_admin, "actions_submit_line", ())]
    found += [f"inline {inline.model.__name__}" for inline in model_admin.get_inline_instances(request)]
    if model_admin.has_change_permission(request):
        found += [f"field {name}" for name in model_admin.get_form(request, None, change=True).base_fields]
    yield from (Way(route, part=name, model_admin=model_admin) for name in found)


WAYS = list(ways())

# --- What is known --------------------------------------------------------------------------------------------------

# Addresses that show something and change nothing, whatever is sent to them.
SHOWN = {
    "/admin",
    "/admin/",
    "/admin/search/",
    "/admin/login/",
    "/admin/password_change/done/",
    "/admin/second-factor/",
    "/admin/autocomplete/",
    "/admin/jsi18n/",
    "/admin/r/<path:content_type_id>/<path:object_id>/",
    "/admin/^(?P<app_label>delivery|tenants|integrations|auth|learning|decisions)/$",
    "/admin/(?P<url>.*)$",
}
# The same of every model.
SHOWN_OF_A_MODEL = {"", f"{OBJECT}/history/", f"{OBJECT}/"}


@dataclass(frozen=True)
class Change:
    """`data` is sent to the way's address or, of a field, replaces its value on its page."""

    entry: str
    data: Callable[[], Any] = dict
    also: tuple[str, ...] = ()  # entries of what is changed besides


def saved(entry: str, **fields: Callable[[], Any]) -> dict[str, Change]:
    """Fields of a change page with their new values."""
    return {name: Change(entry, data) for name, data in fields.items()}


def permissions() -> list[int]:
    return list(Permission.objects.filter(codename__in=["view_tenant", "view_apikey"]).values_list("pk", flat=True))


TENANT, INTEGRATION = f"/admin/tenants/tenant/{OBJECT}", f"/admin/integrations/partnerintegration/{OBJECT}"
ROLLOUT = f"/admin/integrations/rollout/{OBJECT}"
USER, GROUP = f"/admin/auth/user/{OBJECT}", f"/admin/auth/group/{OBJECT}"

APP = App("5e" * 20)

FIELDS: dict[str, dict[str, Change]] = {
    f"{TENANT}/change/": saved(
        "partner.updated",
        name=lambda: "Acme Two",
        plan_tier=lambda: "scale",
        tracked_user_limit=lambda: "77",
        rate_limit=lambda: '{"requests": 7, "seconds": 60}',
        config=lambda: '{"timezone": "UTC"}',
    ),
    f"{INTEGRATION}/change/": saved("integration.switched_off", active=lambda: None),
    f"/admin/integrations/actiontypetemplate/{OBJECT}/change/": saved(
        "integration.updated", kind=lambda: "gaming/start_quest"
    ),
    f"{USER}/change/": saved(
        "staff_user.changed",
        first_name=lambda: "Olga",
        last_name=lambda: "Jensen",
        email=lambda: "olga@retivo.example",
        is_active=lambda: None,
        is_staff=lambda: "on",
        is_superuser=lambda: "on",
        groups=lambda: [Group.objects.get(name="operator").pk],
        user_permissions=permissions,
    ),
    f"{GROUP}/change/": saved("staff_group.changed", name=lambda: "support two", permissions=permissions),
}
CHANGES: dict[str, Change] = {
    "/admin/logout/": Change("staff_user.logged_out"),
    "/admin/password_change/": Change(
        "staff_user.password_changed", lambda: {"old_password": PASSWORD, **NEW_PASSWORDS}
    ),
    ENROL: Change("staff_user.second_factor_enrolled", lambda: enrolment(User.objects.get(username="susan"), APP)),
    VERIFY: Change("staff_user.second_factor_verified", lambda: {"code": APP.code(steps=1)}),
    "/admin/second-factor/codes/": Change("staff_user.recovery_codes_made", lambda: {"code": APP.code(steps=1)}),
    "/admin/second-factor/remove/": Change("staff_user.second_factor_removed", lambda: {"code": APP.code(steps=1)}),
    "/admin/tenants/tenant/new-partner/": Change(
        "partner.created",
        lambda: {"name": "Lumen", "slug": "lumen", "plan_tier": "growth"},
        also=("api_key.issued",),  # a partner comes with a key
    ),
    f"{TENANT}/issue-key/": Change("api_key.issued", lambda: {"scopes": ["full"], "mode": "live"}),
    f"{TENANT}/controls/": Change("partner.updated", lambda: {"kill_switch": "on"}),
    f"{TENANT}/suspend/": Change("partner.updated"),
    f"{TENANT}/change-suspension/": Change("partner.updated", lambda: {"mode": "hold"}),
    f"{TENANT}/reactivate/": Change("partner.updated"),
    f"{TENANT}/schedule-deletion/": Change(
        "customer.deletion_scheduled", lambda: {"confirm": "merchant", "grace_days": "30"}
    ),
    f"{TENANT}/restore/": Change("customer.restored"),
    f"/admin/tenants/apikey/{OBJECT}/revoke/": Change("api_key.revoked"),
    f"/admin/tenants/apikey/{OBJECT}/rotate/": Change("api_key.rotated", lambda: {"overlap_hours": "24"}),
    f"/admin/delivery/actionrow/{OBJECT}/replay/": Change("action.replayed"),
    f"/admin/delivery/endpointrow/{OBJECT}/enable/": Change("endpoint.enabled"),
    f"/admin/delivery/endpointrow/{OBJECT}/recover/": Change(
        "endpoint.recovery_started", lambda: {"since": "2026-01-01T00:00"}
    ),
    f"/admin/delivery/endpointrow/{OBJECT}/certify/": Change(
        "endpoint.certification_started",
        lambda: {"integration": as_owner("SELECT id FROM integrations_partnerintegration")[0][0]},
    ),
    f"/admin/delivery/webhook/{OBJECT}/replay/": Change(
        "webhook.replay_started", lambda: {"since": "2026-01-01T00:00"}
    ),
    f"{ROLLOUT}/roll-back/": Change("rollout.rolled_back"),
    f"{ROLLOUT}/pause/": Change("rollout.paused"),
    f"{ROLLOUT}/resume/": Change("rollout.resumed"),
    "/admin/auth/user/add/": Change(
        "staff_user.created", lambda: {"username": "nora", "password1": PASSWORD, "password2": PASSWORD}
    ),
    f"{USER}/password/": Change("staff_user.password_changed", lambda: NEW_PASSWORDS),
    "/admin/auth/group/add/": Change("staff_group.created", lambda: {"name": "finance"}),
    f"{GROUP}/delete/": Change("staff_group.deleted", lambda: {"post": "yes"}),
    **{f"{page} field {name}": change for page, fields in FIELDS.items() for name, change in fields.items()},
}

# A partner that has customers is not deleted.
OF_A_CUSTOMER = {f"{TENANT}/schedule-deletion/", f"{TENANT}/restore/"}

# What happens first, so that there is something to change.
BEFORE: dict[str, str] = {
    f"{TENANT}/change-suspension/": f"{TENANT}/suspend/",
    f"{TENANT}/reactivate/": f"{TENANT}/suspend/",
    f"{TENANT}/restore/": f"{TENANT}/schedule-deletion/",
    f"{ROLLOUT}/resume/": f"{ROLLOUT}/pause/",
    **dict.fromkeys((VERIFY, "/admin/second-factor/codes/", "/admin/second-factor/remove/"), ENROL),
}


def is_shown(way: Way) -> bool:
    """Whether the way shows something, is refused to everybody, or saves a page as it stands."""
    if way.model_admin is None:
        return way.route in SHOWN
    if way.part:
        return False
    if way.permission == "change":
        return True
    if way.permission:
        return not getattr(way.model_admin, f"has_{way.permission}_permission")(request_of_a_superuser())
    options = way.model_admin.opts
    return way.route.removeprefix(f"/admin/{options.app_label}/{options.model_name}/") in SHOWN_OF_A_MODEL


# --- The scene --------------------------------------------------------------------------------------------------------


def make_scene() -> dict[type, Any]:
    """Something of each kind that staff see, by its model. Of the rest any row will do."""
    acme = make_partner("Acme")
    shop = merchant_of(acme, "https://hooks.acme.example/points")
    shop.dispatch()
    recommend(shop.api, "u1")
    make(acme)
    integration = acme.get("/api/partners/integrations").json()["integrations"][0]["id"]
    acme.post(f"/api/partners/integrations/{integration}/share", {"all": True})
    acme.post(
        f"/api/partners/integrations/{integration}/revisions",
        {"event_mappings": [{"from": "order.paid", "to": "paid"}]},
    )
    acme.post(f"/api/partners/integrations/{integration}/rollouts", {"revision": 2, "to": "all"})
    as_owner("UPDATE delivery_action SET status = 'failed', failure_reason = 'attempts_exhausted', attempts = 8")
    as_owner("UPDATE delivery_endpoint SET consecutive_failures = 5, openings = 1")
    as_owner("INSERT INTO learning_release (epsilon, delta, rho, deviation) VALUES (0.1, 1e-6, 0.001, 45)")
    with staff_context():
        user, group = User.objects.create_user("olga", password=PASSWORD), Group.objects.create(name="support")
        found = [Tenant.objects.get(id=acme.tenant_id), user, group]
        found += [Deletion.objects.create(subject_hash=64 * "0", requested_by="staff", delete_at=timezone.now())]
        found += [model.objects.get() for model in (PartnerIntegration, Rollout, ActionRow, EndpointRow, Release)]
        found += [ApiKey.objects.filter(tenant_id=acme.tenant_id).earliest("created_at")]
    return {type(each): each for each in found}


def address(way: Way, scene: dict[type, Any]) -> str:
    if way.model_admin is None:
        examples = {"<path:content_type_id>/<path:object_id>": "1/1", OBJECT: "1", "(?P<url>.*)$": "nonsense"}
        route = "/admin/tenants/" if "app_label" in way.route else way.route
        for text, example in examples.items():
            route = route.replace(text, example)
        return route
    return way.route.replace(OBJECT, str(quote(subject(way, scene).pk)))


def subject(way: Way, scene: dict[type, Any]) -> Any:
    model = way.model_admin.model
    with staff_context():
        if way.route in OF_A_CUSTOMER:
            return Tenant.objects.exclude(parent=None).get()
        return scene.get(model) or model._default_manager.first()


def database() -> dict[str, str]:
    """A digest of each table's rows, but the trail's and the sessions'."""
    tables = {*connections["owner"].introspection.table_names()} - {"tenants_auditentry", "django_session"}
    digest = "SELECT md5(string_agg(t::text, ';' ORDER BY t::text)) FROM \"{}\" t"
    return {table: as_owner(digest.format(table))[0][0] for table in tables}


def trail() -> list[tuple[str, str]]:
    return as_owner("SELECT actor, action FROM tenants_auditentry ORDER BY id")


def fields_of(client: Client, page: str) -> dict[str, Any]:
    """What a browser sends if the page is saved as it stands."""
    form = client.get(page).context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    values = {name: "" if value is None else value for name, value in values.items() if value is not False}
    return {name: "on" if value is True else value for name, value in values.items()}


def perform(client: Client, way: Way, scene: dict[type, Any]) -> Any:
    page, data = address(way, scene), CHANGES[str(way)].data
    with staff_context():
        values = data()
    if way.part.startswith("field "):
        name = way.part.removeprefix("field ")
        values = {k: v for k, v in (fields_of(client, page) | {name: values}).items() if v is not None}
    return client.post(page, values)
