"""The places where keys are managed: whose they are, and who calls."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tenants import services
from tenants.context import staff_context
from tenants.models import Scope
from tests.conftest import Api


@dataclass(frozen=True)
class Place:
    """`path` lists the keys of `holder`, which `caller` manages."""

    path: str
    caller: Api
    holder: Api
    scopes: tuple[str, str]  # that keys of the holder may have

    @property
    def is_own(self) -> bool:
        return self.caller == self.holder

    def issue(self, *scopes: str, **fields: Any) -> dict[str, Any]:
        answer = self.caller.post(self.path, {"label": "Backend", "scopes": scopes or self.scopes, **fields})
        assert answer.status_code == 201, answer.content
        key: dict[str, Any] = answer.json()["key"]
        return key

    def get(self, key_id: object) -> dict[str, Any]:
        answer = self.caller.get(f"{self.path}/{key_id}")
        assert answer.status_code == 200, answer.content
        key: dict[str, Any] = answer.json()["key"]
        return key

    def rotate(self, key: dict[str, Any], **body: Any) -> Any:
        return self.caller.post(f"{self.path}/{key['id']}/rotate", body)

    def revoke(self, key: dict[str, Any], query: str = "") -> Any:
        return self.caller.delete(f"{self.path}/{key['id']}{query}")

    def api(self, key: dict[str, Any]) -> Api:
        """The key in use."""
        return Api(self.holder.tenant_id, key["api_key"])


def key_with(api: Api, *scopes: Scope) -> Api:
    """Another key of the tenant, from staff."""
    with staff_context():
        return Api(api.tenant_id, services.issue_key(actor="test", tenant_id=api.tenant_id, scopes=scopes).text)


def id_of(api: Api) -> UUID:
    return UUID(api.actor.removeprefix("api_key:"))


def lets_in(api: Api) -> tuple[int, str | None]:
    """The status and code that a key gets; any other than 401 and 403 lets it in."""
    answer = api.get("/api/settings")
    return answer.status_code, None if answer.status_code == 200 else answer.json()["code"]
