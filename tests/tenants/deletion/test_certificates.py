"""Certificates: verified without Retivo by the script in the docs, and by nothing else that was not signed."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.test import Client

from tenants.audit import checkpoints
from tenants.tasks import delete_tenants
from tests.conftest import REPOSITORY, Api
from tests.partners.customers.test_delete_customer import delete

KEYS = "/api/.well-known/retivo-keys"
SCRIPT = REPOSITORY / "docs" / "verify_certificate.py"


@pytest.fixture
def certificate(acme: Api, merchant: Api) -> dict[str, Any]:
    deletion_id = delete(acme, merchant, grace_days=0).json()["deletion"]["id"]
    delete_tenants(timestamp=0)
    found: dict[str, Any] = acme.get(f"/api/partners/deletions/{deletion_id}").json()["deletion"]["certificate"]
    return found


def keys() -> dict[str, Any]:
    answer = Client().get(KEYS)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def run(folder: Path, certificate: Any, published: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The script as its reader runs it: alone, with nothing of the project on its path. Bytes are a file as it is."""
    for name, answer in (("certificate", certificate), ("keys", published)):
        (folder / f"{name}.json").write_bytes(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
    command = [sys.executable, "-I", str(SCRIPT), "certificate.json", "keys.json", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_script__on_a_certificate__says_that_it_is_genuine(
    certificate: dict[str, Any], merchant: Api, tmp_path: Path
) -> None:
    for sent in (certificate, {"certificate": certificate}, {"deletion": {"certificate": certificate}}):
        done = run(tmp_path, sent, keys(), "--tenant-id", str(merchant.tenant_id))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("Genuine: ")


def tampered(certificate: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Certificates that say something else than what was signed, each in another way."""
    header, payload, signature = certificate["jws"].split(".")
    signed = json.loads(base64.urlsafe_b64decode(payload + "=="))
    signed["tables"][0]["deleted"] += 1
    forged = base64.urlsafe_b64encode(json.dumps(signed).encode()).decode().rstrip("=")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    flipped = ("B" if signature[9] == "A" else "A").join((signature[:9], signature[10:]))
    return {
        **{name: {**certificate, name: "another"} for name in certificate if name not in ("jws", "tables")},
        "a member less": {name: value for name, value in certificate.items() if name != "requested_by"},
        "a member more": {**certificate, "more": 1},
        "another count": {**signed, "jws": certificate["jws"]},
        "another payload": {**signed, "jws": f"{header}.{forged}.{signature}"},
        "another signature": {**certificate, "jws": f"{header}.{payload}.{flipped}"},
        "a short signature": {**certificate, "jws": f"{header}.{payload}.{signature[:20]}"},
        "no signature": {**certificate, "jws": f"{unsigned}.{payload}."},
        "no text": {**certificate, "jws": "x"},
        "none": {name: value for name, value in certificate.items() if name != "jws"},
    }


def test_script__on_what_was_tampered_with__fails(certificate: dict[str, Any], tmp_path: Path) -> None:
    published = keys()
    for how, sent in tampered(certificate).items():
        done = run(tmp_path, sent, published)
        assert (done.returncode, done.stdout) == (1, ""), how
        assert done.stderr.startswith("NOT GENUINE: "), how


def test_script__about_another_customer_or_with_other_keys__fails(
    certificate: dict[str, Any], acme: Api, tmp_path: Path
) -> None:
    assert run(tmp_path, certificate, keys(), "--tenant-id", str(acme.tenant_id)).returncode == 1
    assert run(tmp_path, certificate, {"keys": []}).returncode == 1
    (key,) = keys()["keys"]
    assert run(tmp_path, certificate, {"keys": [{**key, "x": key["x"][::-1]}]}).returncode == 1


def test_keys__after_encryption_keys_changed__still_have_the_former_one(
    certificate: dict[str, Any], settings: Any, tmp_path: Path
) -> None:
    (former,) = keys()["keys"]
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    published = keys()["keys"]

    assert [key["kid"] == former["kid"] for key in published] == [False, True]
    assert all(key.keys() == {"kty", "crv", "alg", "use", "kid", "x"} for key in published)
    assert run(tmp_path, certificate, {"keys": published}).returncode == 0
    assert settings.ENCRYPTION_KEYS[0] not in json.dumps(published)


def test_keys__under_a_tenants_context__are_not_those_of_the_tenant(acme: Api) -> None:
    assert acme.get(KEYS).json() == keys()


def test_script__on_what_is_not_the_text_that_was_signed__fails(certificate: dict[str, Any], tmp_path: Path) -> None:
    """Values that are equal to Python, and members that are there twice, of which it reads the last."""
    genuine = json.dumps(certificate)
    for sent in (
        genuine.replace('"left": 0', '"left": false', 1),
        genuine.replace('"left": 0', '"left": 0.0', 1),
        genuine.replace('"deleted": 1}', '"deleted": true}', 1).replace('"deleted": 1,', '"deleted": true,', 1),
        '{"requested_by": "EVIL", ' + genuine[1:],
        genuine.replace('{"table"', '{"table": "EVIL", "table"', 1),
    ):
        assert sent != genuine
        done = run(tmp_path, sent.encode(), keys())
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), (sent, done.stderr)
        assert done.stderr.startswith("NOT GENUINE: "), sent


def test_script__on_something_else_that_was_signed__says_what(acme: Api, tmp_path: Path) -> None:
    assert checkpoints.sign_heads() == 1
    (checkpoint,) = acme.get("/api/partners/audit/checkpoints").json()["checkpoints"]

    done = run(tmp_path, checkpoint, keys())

    assert done.returncode == 1
    assert done.stderr == "NOT GENUINE: It is no certificate of a deletion, but of the type audit_checkpoint.\n"


@pytest.mark.parametrize("option", [("--tenant-id", ""), ("--tenant-id", "x", "--external-id", " ")])
@pytest.mark.no_database
def test_script__with_an_option_that_is_empty__checks_nothing(option: tuple[str, ...], tmp_path: Path) -> None:
    done = run(tmp_path, {}, {"keys": []}, *option)

    assert (done.returncode, "is empty" in done.stderr) == (2, True)


DEEP = b"[" * 100_000
KEY = {"kid": "k", "crv": "Ed25519", "x": "A" * 43}
MALFORMED: list[tuple[Any, Any, str]] = [
    ({"keys": []}, {"jws": "a.b.c"}, "keys.json"),  # the one for the other
    ({}, "none", "keys.json"),
    ({}, [1], "keys.json"),
    ({}, {"keys": [1]}, "keys.json"),
    ({}, {"keys": None}, "keys.json"),
    ({}, {"keys": [{"kid": "k", "crv": "Ed25519"}]}, "keys.json"),
    ({}, {"keys": [KEY | {"x": "AAAA"}]}, "keys.json"),
    ({}, {"keys": [KEY | {"x": 5}]}, "keys.json"),
    ({}, {"keys": [KEY | {"kid": []}]}, "keys.json"),
    ({}, DEEP, "keys.json"),
    ({}, b"\xff", "keys.json"),
    ([], {"keys": []}, "certificate.json"),
    (b"\xff", {"keys": []}, "certificate.json"),
    (DEEP, {"keys": []}, "certificate.json"),
    ({"deletion": "x"}, {"keys": []}, "certificate.json"),
    ({"deletion": {"certificate": None}}, {"keys": []}, "certificate.json"),
    ({"certificate": [1]}, {"keys": []}, "certificate.json"),
    ({"jws": 5}, {"keys": []}, "certificate.json"),
    ({"jws": "W10.W10.W10"}, {"keys": []}, "certificate.json"),  # of `[]`
    ({"jws": "WzFd.W10.W10"}, {"keys": []}, "certificate.json"),  # of `[1]`
    ({"jws": f"{base64.urlsafe_b64encode(DEEP).decode().rstrip('=')}.W10.W10"}, {"keys": []}, "certificate.json"),
]


@pytest.mark.no_database
def test_script__on_something_else__says_which_file_is_wrong(tmp_path: Path) -> None:
    for certificate, published, names in MALFORMED:
        done = run(tmp_path, certificate, published)

        said = (str(certificate)[:80], str(published)[:80], done.stderr)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), said
        assert done.stderr.startswith(f"NOT GENUINE: {names} cannot be read, "), said


@pytest.mark.no_database
def test_script__without_a_file__says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-I", str(SCRIPT), "certificate.json", "keys.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("NOT GENUINE: keys.json cannot be read, FileNotFoundError: ")
