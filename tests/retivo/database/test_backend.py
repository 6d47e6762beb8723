"""The connections that the server keeps."""

import psycopg

from tests.conftest import Api, Server, database_url
from tests.tenants.access.test_idempotency import post


def test_connection__ended_by_the_server__is_replaced_before_the_next_request(acme: Api, server: Server) -> None:
    for number in range(20):
        assert post(server, acme, f"k{number}").status_code in (201, 409)

    with psycopg.connect(database_url("web")) as connection:
        # One's own role may be signalled: the server's idle connections, not this one.
        row = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        ).fetchone()
    assert row is not None
    (ended,) = row
    answers = [post(server, acme, f"k{number}") for number in range(20)]

    assert ended > 0
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.headers["content-type"] for answer in answers} <= {"application/json", "application/problem+json"}
