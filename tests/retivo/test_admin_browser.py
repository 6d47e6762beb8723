"""The staff pages in a real browser against a real server. Nothing is fetched from elsewhere, no console error passes.

`HIERARCHY_PICTURE=docs/images/hierarchy.png pytest -k picture` draws the README's picture anew.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, expect, sync_playwright

from tenants import services
from tenants.context import staff_context
from tenants.models import PlanStatus, PlanTier, Tenant
from tests.conftest import Api, Server, make_partner
from tests.decisions.deciding import acted, must_act, recommend, shop_of
from tests.owner import as_owner
from tests.tenants.second_factor.apps import App

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
]
PASSWORD = "correct horse battery staple"
WIDTH, HEIGHT = 1280, 800
NAMES = ".field-tree .block:first-child"

expect.set_options(timeout=20_000)  # a busy machine is no failure

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed (Debian: apt-get install chromium)")


@pytest.fixture
def staff() -> None:
    with staff_context():
        for name, group in (("oscar", "operator"), ("vera", "viewer")):
            User.objects.create_user(name, password=PASSWORD, is_staff=True).groups.add(Group.objects.get(name=group))


@pytest.fixture
def hierarchy() -> None:
    """Two partners with their merchants, and two tenants that stand alone."""
    lumen, nordic = make_partner("Lumen"), make_partner("Nordic")
    lumen.register("lumen-loyalty", display_name="Lumen Loyalty")
    lumen.register("lumen-messaging", display_name="Lumen Messaging")
    nordic.register("nordic-subscriptions", display_name="Nordic Subscriptions")
    _provision(lumen, "Alpine Outdoor", plan_tier="growth", tracked_user_limit=5000)
    _provision(lumen, "Bean & Leaf Coffee", plan_tier="scale", tracked_user_limit=25000)
    _provision(lumen, "Corner Books")
    _provision(lumen, "Velo Workshop", plan_tier="growth", tracked_user_limit=5000)
    _provision(nordic, "Aurora Streaming", plan_tier="scale", tracked_user_limit=100000)
    kaffebox = _provision(nordic, "Kaffebox", plan_tier="growth", tracked_user_limit=5000)
    with staff_context():
        services.set_plan_status(actor="test", tenant_id=kaffebox.tenant_id, plan_status=PlanStatus.SUSPENDED)
        for name, tier in (("Harbor Fitness", PlanTier.GROWTH), ("Meridian Learning", PlanTier.CUSTOM)):
            Tenant.objects.create(name=name, slug=_slug(name), plan_tier=tier, tracked_user_limit=50000)


def _provision(partner: Api, name: str, **fields: object) -> Api:
    return partner.provision(_slug(name), **{"name": name, **fields})


def _slug(name: str) -> str:
    return re.sub(r"[^a-z]+", "-", name.lower())


@pytest.fixture
def browser() -> Iterator[Browser]:
    # One a test: while playwright's event loop runs in this thread, Django refuses to touch the database in it.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(server: Server, staff: None, hierarchy: None, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(base_url=server.url, viewport={"width": WIDTH, "height": HEIGHT})
    problems = _watch(page, server)
    yield page
    assert problems == []


def _watch(page: Page, server: Server) -> list[str]:
    """Filled with what goes wrong behind the page, and with what it fetches from elsewhere."""
    problems: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            problems.append(f"console: {message.text}")

    def on_request(request: Request) -> None:
        if not request.url.startswith((f"{server.url}/", "data:")):
            problems.append(f"foreign: {request.url}")

    def on_response(response: Response) -> None:
        if response.status >= 400:
            problems.append(f"{response.status}: {response.url}")

    page.on("console", on_console)
    page.on("request", on_request)
    page.on("response", on_response)
    page.on("requestfailed", lambda request: problems.append(f"failed: {request.url} {request.failure}"))
    page.on("pageerror", lambda error: problems.append(f"script: {error}"))
    return problems


def log_in(page: Page, name: str) -> None:
    page.goto("/admin/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Hierarchy").click()
    expect(page).to_have_title("Hierarchy | Retivo")
    # The title is there before the page is.
    page.wait_for_load_state("load")
    expect(page.locator("#result_list tbody tr").first).to_be_visible()


def expect_column(page: Page, column: str, texts: list[str]) -> None:
    expect(page.locator(f"#result_list {column}")).to_have_text(texts)


def left_edge(page: Page, name: str) -> float:
    box = page.locator("#result_list").get_by_text(name, exact=True).bounding_box()
    assert box
    return box["x"]


def assert_fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") == WIDTH, page.url


def the_key(page: Page) -> str:
    key = page.get_by_label("API key").input_value()
    assert re.fullmatch(r"rt_(live|test)_[0-9A-Za-z]{36}", key)
    return key


def test_operators_work(page: Page) -> None:
    log_in(page, "oscar")
    # The tree: each partner is followed by its customers.
    merchants = ["Alpine Outdoor", "Bean & Leaf Coffee", "Corner Books", "Velo Workshop"]
    others = ["Meridian Learning", "Nordic", "Aurora Streaming", "Kaffebox"]
    expect_column(page, NAMES, ["Harbor Fitness", "Lumen", *merchants, *others])
    assert left_edge(page, "Alpine Outdoor") > left_edge(page, "Lumen") + 20
    assert_fits(page)

    page.get_by_placeholder("Name, slug, external id or id").fill("kaffe")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 result")).to_be_visible()
    expect_column(page, NAMES, ["Kaffebox"])

    page.get_by_role("link", name="Hierarchy").click()
    page.locator("a", has_text="Filters").click()
    page.get_by_label("By partner").select_option("Nordic")
    page.get_by_role("button", name="Apply Filters").click()
    expect(page).to_have_url(re.compile("partner=nordic"))
    expect_column(page, NAMES, ["Aurora Streaming", "Kaffebox"])

    # A partner, and its key once.
    page.get_by_role("link", name="Hierarchy").click()
    page.get_by_role("link", name="New partner").click()
    page.get_by_role("button", name="Make the partner").click()
    expect(page.get_by_text("This field is required.")).to_have_count(2)
    page.get_by_label("Name").fill("Paywave")
    page.get_by_label("Slug").fill("lumen")
    page.get_by_role("button", name="Make the partner").click()
    expect(page.get_by_text("This slug is taken.")).to_be_visible()
    page.get_by_label("Slug").fill("paywave")
    page.get_by_role("button", name="Make the partner").click()
    expect(page.get_by_text("Paywave is a partner now")).to_be_visible()
    first = the_key(page)
    assert_fits(page)
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("link", name=first[:12])).to_be_visible()
    assert first not in page.content()
    assert_fits(page)

    # Another key, revoked again.
    page.get_by_role("link", name="Issue key").click()
    page.get_by_label("Label").fill("Staging")
    page.get_by_label("partner: everything in the Partner API").check()
    assert_fits(page)
    page.get_by_role("button", name="Issue the key").click()
    second = the_key(page)
    page.get_by_role("link", name="Done").click()
    row = page.get_by_role("row", name=re.compile(second[:12]))
    row.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text(f"The key {second[:12]}… is revoked.")).to_be_visible()
    expect(row.get_by_role("link", name="Revoke")).to_have_count(0)
    expect(row.get_by_text("Revoked", exact=True)).to_be_visible()
    assert second not in page.content()

    # Suspended, and what was done is in the trail.
    page.get_by_role("link", name="Suspend").click()
    page.get_by_role("button", name="Suspend").click()
    expect(page.get_by_text("Paywave is suspended.")).to_be_visible()
    page.locator("a[href$='/history/']").click()
    made = ["api_key.issued", "partner.created"]
    expect_column(page, ".field-action", ["partner.updated", "api_key.revoked", "api_key.issued", *made])
    assert_fits(page)


@pytest.fixture
def partner_of_long_names(hierarchy: None) -> str:
    with staff_context():
        lumen = Tenant.objects.get(slug="lumen")
        Tenant.objects.create(name="W" * 200, slug="w" * 63, tenant_role="customer", parent=lumen)
    return str(lumen.id)


def test_names_without_blanks__push_no_column_out_of_sight(partner_of_long_names: str, page: Page) -> None:
    log_in(page, "vera")
    for table in (page.locator("#result_list"), page.get_by_role("region", name="Customers")):
        assert_fits(page)
        for header in table.locator("thead th").all():
            box = header.bounding_box()
            assert box
            assert box["x"] + box["width"] <= WIDTH, header.inner_text()
        page.goto(f"/admin/tenants/tenant/{partner_of_long_names}/change/")


def test_viewers_look(page: Page) -> None:
    log_in(page, "vera")
    expect(page.get_by_role("link", name="New partner")).to_have_count(0)
    page.get_by_role("link", name=re.compile("Bean & Leaf Coffee")).click()
    for heading in ("API keys", "Integrations shared", "Action types"):
        expect(page.get_by_role("region", name=heading)).to_be_visible()
    expect(page.get_by_role("link", name="grant_points")).to_have_count(2)
    for name in ("Issue key", "Suspend", "Revoke"):
        expect(page.get_by_role("link", name=name)).to_have_count(0)
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    assert_fits(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_pages_fit(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # a literal
    log_in(page, "oscar")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    for name in ("API keys", "Integrations", "Action types", "Audit trail"):
        page.get_by_role("navigation").get_by_role("link", name=name).click()
        expect(page.get_by_role("link", name=re.compile(name)).and_(page.locator(".active"))).to_be_visible()
        assert_fits(page)
        page.locator("#result_list tbody th a").first.click()
        expect(page.locator(".change-form")).to_be_visible()
        assert_fits(page)
    assert ("255" in dark or "0.98" in dark) == (scheme == "light"), dark


@pytest.fixture
def sent(acme: Api) -> dict[str, str]:
    """An action for a customer's user; its receiver is gone by now."""
    shop = shop_of(acme)
    must_act(shop)
    answer = acted(shop, dispatch=True)
    recommend(shop, "u1")
    as_owner("UPDATE delivery_action SET status = 'delivered', delivered_at = now(), attempts = 1")
    as_owner(
        "UPDATE delivery_endpoint SET consecutive_failures = 1, disabled_at = now(), last_failure = '410'"
        " WHERE url = 'https://hooks.acme.example/points'"
    )
    return {"tenant": str(shop.tenant_id), "action": answer["action_id"], "decision": answer["decision_id"]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_closed_loop_is_followed(sent: dict[str, str], page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # a literal
    log_in(page, "vera")
    page.get_by_role("navigation").get_by_role("link", name="Decisions").click()
    expect(page).to_have_title("Decisions | Retivo")
    rows = page.locator("#result_list tbody tr")
    expect(rows).not_to_have_count(0)
    assert_fits(page)

    # Of one tenant, found by typing.
    page.locator("a", has_text="Filters").click()
    page.locator("[aria-labelledby=select2-id_tenant__id__exact-container]").click()
    expect(page.get_by_role("option", name="Alpine Outdoor")).to_be_visible()
    page.locator(".select2-search__field").fill("shop")
    expect(page.get_by_role("option", name="Alpine Outdoor")).to_have_count(0)
    page.get_by_role("option", name="Shop", exact=True).click()
    page.get_by_label("By guardrail that stopped it").select_option("None")
    page.get_by_role("button", name="Apply Filters").click()
    expect(page).to_have_url(re.compile(f"tenant__id__exact={sent['tenant']}"))
    expect(rows).not_to_have_count(0)

    # A decision, its action, and back.
    page.get_by_placeholder("The id of a decision or of a user").fill(sent["decision"])
    page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    rows.locator("th a").click()
    expect(page.get_by_role("region", name="Candidates").get_by_text("Chosen", exact=True)).to_be_visible()
    assert_fits(page)
    page.get_by_role("link", name=sent["action"]).click()
    expect(page.get_by_role("region", name="Attempts")).to_be_visible()
    assert_fits(page)
    page.get_by_role("link", name=sent["decision"]).click()
    page.get_by_role("link", name="Shop", exact=True).click()

    # What became of all.
    funnel = page.get_by_role("region", name="Decisions").get_by_role("figure")
    expect(funnel.get_by_role("listitem")).to_contain_text(["Decided", "Sent", "Delivered", "Completed"])
    assert_fits(page)
    page.get_by_role("navigation").get_by_role("link", name="Endpoints 1").click()
    gone = page.get_by_role("row").filter(has_text="Disabled").filter(has_text="https://hooks.acme.example/points")
    gone.get_by_role("link", name="https://hooks.acme.example/points").first.click()
    expect(page.get_by_role("region", name="Action types")).to_contain_text("grant_points")
    expect(page.get_by_role("link", name="Reset")).to_have_count(0)
    assert_fits(page)


def test_api_docs__in_a_browser__show_the_operations_and_call_them(page: Page) -> None:
    page.goto("/api/docs")
    page.locator("#operations-tag-Service").click()
    page.locator("#operations-Service-getLiveness").get_by_role("button").first.click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")


def test_second_factor__in_a_browser__is_set_up_and_asked_for(page: Page) -> None:
    log_in(page, "oscar")
    page.goto("/admin/second-factor/")
    page.get_by_role("link", name="Set up a second factor").click()
    expect(page.get_by_role("img", name="QR code").locator("svg path").first).to_be_visible()
    assert_fits(page)
    app = App.of_typed(page.get_by_text("Or type this key").locator("code").inner_text())
    page.get_by_label("Code that the app shows").fill(app.code())
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Set it up").click()
    expect(page.get_by_role("listitem")).to_have_count(10)
    recovery = page.get_by_role("listitem").first.inner_text()
    page.get_by_role("link", name="Done").click()
    expect(page).to_have_url(re.compile("/admin/$"))

    page.goto("/admin/second-factor/")
    page.get_by_role("link", name="New recovery codes").click()
    page.get_by_role("button", name="Log out").click()
    page.goto("/admin/")
    page.get_by_label("Username").fill("oscar")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_label("Code").fill(recovery)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("link", name="Hierarchy").click()
    expect(page).to_have_title("Hierarchy | Retivo")


def test_picture(page: Page, tmp_path: Path) -> None:
    log_in(page, "oscar")
    page.evaluate("document.fonts.ready")
    picture = Path(os.environ.get("HIERARCHY_PICTURE", tmp_path / "hierarchy.png"))
    page.screenshot(path=picture)
    assert 20_000 < picture.stat().st_size < 200_000
