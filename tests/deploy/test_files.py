"""The files in `deploy/`, as far as they can be checked without running them; programs that are missing are skipped."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.test_docs import ROOMS, _anchors

pytestmark = pytest.mark.no_database

DEPLOY = REPOSITORY / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "retivo.json").read_text())


def run(program: str, *arguments: str) -> None:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose__its_services__come_up_in_the_order_of_an_upgrade() -> None:
    services = COMPOSE["services"]

    migrated = {"migrate": {"condition": "service_completed_successfully"}}
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["web"]["depends_on"] == services["worker"]["depends_on"] == migrated
    assert services["proxy"]["depends_on"] == {"web": {"condition": "service_healthy"}}
    assert services["postgres"]["image"].startswith("postgres:18")
    # One image; the owner's password is for migrations alone.
    assert {services[name]["image"] for name in ("migrate", "web", "worker")} == {"retivo:${RETIVO_VERSION:-latest}"}
    assert [name for name, service in services.items() if "owner" in service.get("env_file", [])] == ["migrate"]


def test_compose__files_that_it_names__are_there_or_have_an_example() -> None:
    env_files = {name for service in COMPOSE["services"].values() for name in service.get("env_file", [])}

    assert {name for name in env_files if not (DEPLOY / f"{name}.example").exists()} == set()
    assert (DEPLOY / COMPOSE["services"]["proxy"]["volumes"][0].split(":")[0]).exists()
    assert (REPOSITORY / COMPOSE["x-retivo"]["build"]["dockerfile"]).exists()


def test_example__its_variables__are_documented() -> None:
    documented = (REPOSITORY / "docs" / "configuration.md").read_text()
    names = {
        name for path in DEPLOY.glob("*.example") for name in re.findall(r"^([A-Z_]+)=", path.read_text(), re.MULTILINE)
    }

    assert "DATABASE_OWNER_URL" in names
    assert {name for name in names if f"`{name}`" not in documented} == set()


def test_example__behind_the_proxy__trusts_it() -> None:
    """Without, every login at the staff pages would come from the proxy's address, and one guesser lock all out."""
    assert "$proxy_add_x_forwarded_for" in (DEPLOY / "nginx" / "retivo.conf").read_text()
    assert "\nTRUSTED_PROXIES=127.0.0.1,172.16.0.0/12\n" in (DEPLOY / "environment.example").read_text()


def test_image__of_the_dockerfile__runs_as_nobody_in_particular_and_holds_no_secret_or_test() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    left_out = (REPOSITORY / ".dockerignore").read_text().splitlines()

    assert re.findall(r"^USER (.+)$", dockerfile, re.MULTILINE) == ["10001"]
    assert len(re.findall(r"^FROM ", dockerfile, re.MULTILINE)) == 2
    assert "/api/livez" in dockerfile
    assert {".*", "deploy", "tests"} <= set(left_out)


def test_alerts__their_runbooks__are_sections_of_the_operations_page() -> None:
    anchors = _anchors(REPOSITORY / "docs" / "operations.md")

    for rule in RULES:
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/operations.md"
        assert anchor in anchors, rule["alert"]


def test_metrics__of_alerts_dashboard_and_operations_page__are_told_by_the_code() -> None:
    code = "\n".join(path.read_text() for room in ROOMS for path in (REPOSITORY / room).rglob("*.py"))
    used = "\n".join(
        [
            *(rule["expr"] for rule in RULES),
            *(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]),
            (REPOSITORY / "docs" / "operations.md").read_text(),
        ]
    )
    names = set(re.findall(r"\bretivo_(\w+)", used)) - {"retivo"}

    unknown = {
        name
        for name in names
        if not any(
            re.search(rf'"(?:retivo_)?{short}"', code)
            for short in {name, re.sub(r"_(?:total|count|bucket|sum)$", "", name)}
        )
    }
    assert len(names) > 12
    assert unknown == set()


def test_alerts__by_promtool__are_valid() -> None:
    run("promtool", "check", "rules", str(DEPLOY / "prometheus" / "alerts.yaml"))


def test_alerts__of_what_alerts_yaml_has_scraped__are_raised() -> None:
    run("promtool", "test", "rules", str(REPOSITORY / "tests" / "deploy" / "alerts.yaml"))


def test_dockerfile__by_hadolint__is_clean() -> None:
    run(str(Path(sys.executable).with_name("hadolint")), str(DEPLOY / "Dockerfile"))


def test_units__by_systemd_analyze__are_valid(tmp_path: Path) -> None:
    for path in (DEPLOY / "systemd").iterdir():
        # The program that a unit starts must be there.
        text = path.read_text().replace("/srv/retivo/%i/.venv/bin/python", "/bin/true")
        (tmp_path / path.name.replace("@.", "@blue.")).write_text(text)
        (tmp_path / path.name).write_text(text)

    run("systemd-analyze", "verify", *(str(path) for path in tmp_path.iterdir() if "@." not in path.name))


def test_proxy__by_nginx__is_valid(tmp_path: Path) -> None:
    """Without the container's name, which cannot be looked up here, and what nginx knows only since 1.27."""
    text = (DEPLOY / "nginx" / "retivo.conf").read_text().replace("web:8000 resolve;", "127.0.0.1:8000;")
    (tmp_path / "retivo.conf").write_text(text)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; include {tmp_path}/retivo.conf; }}"
    )
    run("nginx", "-t", "-e", "stderr", "-c", str(tmp_path / "nginx.conf"))
