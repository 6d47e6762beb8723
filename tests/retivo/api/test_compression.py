"""Gzipped bodies, at an endpoint of each kind: one that reads the raw body, one that DRF parses."""

import gzip
import json
import tracemalloc

import pytest

from retivo.api.compression import gunzip
from retivo.api.errors import Problem
from tests import plain_http
from tests.conftest import Api, Server

TRACK = json.dumps({"events": [{"user_id": "u1", "event": "clicked"}]}).encode()
GZIPPED = gzip.compress(TRACK)
CUSTOMER = json.dumps({"name": "M", "slug": "merchant"}).encode()


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "identity", ""])
def test_body__in_an_encoding_we_know__is_read_by_every_endpoint(acme: Api, encoding: str) -> None:
    for path, body, status in (("/api/track", TRACK, 200), ("/api/partners/customers", CUSTOMER, 201)):
        sent = gzip.compress(body) if "gzip" in encoding.lower() else body
        response = acme.post(path, sent, Content_Encoding=encoding)
        assert response.status_code == status, response.content


def test_body__gzipped_and_in_chunks__is_read(merchant: Api, server: Server) -> None:
    sent = GZIPPED
    response = plain_http.post(
        f"{server.url}/api/track",
        content=(sent[at : at + 10] for at in range(0, len(sent), 10)),
        headers={
            "Authorization": f"Bearer {merchant.key}",
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
        },
    )

    assert response.json()["accepted"] == 1


def test_body__of_several_gzip_members__is_all_of_them(merchant: Api) -> None:
    sent = gzip.compress(TRACK[:10]) + gzip.compress(TRACK[10:])

    assert merchant.post("/api/track", sent, Content_Encoding="gzip").json()["accepted"] == 1


def test_idempotency_key__the_same_body_gzipped_or_not__is_one_request(merchant: Api) -> None:
    merchant.post("/api/track", TRACK, Idempotency_Key="one")

    again = merchant.post("/api/track", GZIPPED, Idempotency_Key="one", Content_Encoding="gzip")

    assert again["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    "sent", [b"x", TRACK, GZIPPED[:-1], GZIPPED[:20], GZIPPED + b"more"], ids=["none", "plain", "short", "cut", "more"]
)
def test_stream__that_is_broken__is_400(merchant: Api, sent: bytes) -> None:
    response = merchant.post("/api/track", sent, Content_Encoding="gzip")

    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


def test_stream__with_a_wrong_checksum__is_400(merchant: Api) -> None:
    sent = bytearray(GZIPPED)
    sent[-8] ^= 1

    assert merchant.post("/api/track", bytes(sent), Content_Encoding="gzip").status_code == 400


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "rubbish"])
def test_encoding__that_we_do_not_know__is_415(merchant: Api, encoding: str) -> None:
    response = merchant.post("/api/track", TRACK, Content_Encoding=encoding)

    assert (response.status_code, response.json()["code"]) == (415, "unsupported_content_encoding")
    assert response["Accept-Encoding"] == "gzip"


def test_limit__is_that_of_the_inflated_body(merchant: Api) -> None:
    padding = b" " * (1024 * 1024 - len(TRACK))

    assert merchant.post("/api/track", gzip.compress(TRACK + padding), Content_Encoding="gzip").status_code == 200
    response = merchant.post("/api/track", gzip.compress(TRACK + padding + b" "), Content_Encoding="gzip")
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


@pytest.mark.no_database
def test_bomb__of_a_gibibyte__is_never_inflated_whole() -> None:
    # A member of 64 MiB of zeros, sixteen times.
    bomb = gzip.compress(bytes(64 * 1024 * 1024)) * 16
    tracemalloc.start()
    try:
        with pytest.raises(Problem) as raised:
            gunzip(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert raised.value.status == 413
    assert peak < 8 * 1024 * 1024
