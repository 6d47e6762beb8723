"""What an object's state does not allow is not offered on its page; asked for all the same it changes nothing."""

from typing import Any

from django.test import Client

from tests.owner import as_owner
from tests.retivo.staff.ways import CHANGES, OBJECT, WAYS, Way, address, database, perform, trail

# Each button of an object's page, and each field that is saved there.
OF_OBJECTS = [way for way in WAYS if str(way) in CHANGES and OBJECT in way.route and way.model_admin]
BUTTONS = [way for way in OF_OBJECTS if not way.part and not way.permission]
ACCOUNTS = {"user", "group"}


def name_of(way: Way) -> str:
    return way.route.rstrip("/").rpartition("/")[2]


def is_offered(client: Client, way: Way, scene: dict[type, Any]) -> bool:
    button = address(way, scene)
    page = button.removesuffix(f"{name_of(way)}/") + "change/"
    return f'href="{button}"' in client.get(page).content.decode()


def assert_refused(client: Client, way: Way, scene: dict[type, Any], why: str = "") -> None:
    rows, entries = database(), trail()

    response = perform(client, way, scene)

    assert response.status_code == 302, (str(way), response.content)
    page = client.get(response.headers["Location"])
    (message,) = [str(each) for each in page.context["messages"]]
    assert message.endswith(" Nothing was changed."), (str(way), message)
    assert why in message
    assert (database(), trail()) == (rows, entries), str(way)


def test_button__again_as_from_a_page_that_stood_open__says_why_and_changes_nothing(
    susan: Client, scene: dict[type, Any]
) -> None:
    refused = set()
    for way in BUTTONS:
        if is_offered(susan, way, scene):
            assert perform(susan, way, scene).status_code in (200, 302)
            susan.get("/admin/")  # shows the message
        if not is_offered(susan, way, scene):
            assert_refused(susan, way, scene)
            refused.add(name_of(way))

    assert refused == {
        *("suspend", "reactivate", "schedule-deletion", "restore"),
        *("revoke", "rotate", "replay", "enable", "roll-back", "pause", "resume"),
    }


def test_page__of_what_a_tenant_that_is_being_deleted_has__offers_and_changes_nothing(
    susan: Client, scene: dict[type, Any]
) -> None:
    as_owner("UPDATE tenants_tenant SET plan_status = 'deleting', delete_at = now() + interval '1 day'")
    saved = [way for way in OF_OBJECTS if way.part]
    for way in [*BUTTONS, *saved]:
        if way.model_admin.opts.model_name in ACCOUNTS or name_of(way) in ("revoke", "restore"):
            continue
        if way in saved:
            assert 'name="_save"' not in susan.get(address(way, scene)).content.decode()
        else:
            assert not is_offered(susan, way, scene), str(way)
        assert_refused(susan, way, scene, "being deleted")

    assert all(is_offered(susan, way, scene) for way in BUTTONS if name_of(way) in ("revoke", "restore"))


def test_page__of_a_tenant_whose_grace_is_over__offers_nothing(susan: Client, scene: dict[type, Any]) -> None:
    as_owner("UPDATE tenants_tenant SET plan_status = 'deleting', delete_at = now()")
    for way in BUTTONS:
        if way.model_admin.opts.model_name == "tenant":
            assert not is_offered(susan, way, scene), str(way)
            assert_refused(susan, way, scene, "The grace is over")
