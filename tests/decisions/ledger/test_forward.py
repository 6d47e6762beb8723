"""Lists that are read forward while others write: each row exactly once, whenever its transaction ends.

`make forward` runs the same with more rows.
"""

import base64
import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.core.management import call_command

from retivo.api.forward import Place
from retivo.database.commits import Snapshot
from tests.buffers import reads
from tests.conftest import Api, Server, database_url
from tests.decisions.deciding import DECISIONS, RECOMMEND, recommend, shop_of
from tests.owner import as_owner
from tests.retivo.api.test_openapi import OPERATIONS, assert_conforms

WRITERS = 8
ROWS = int(os.environ.get("FORWARD_ROWS", "400"))  # of each list, by all writers

INTERVENTIONS, ACTIONS = "/api/interventions", "/api/external/actions"
TABLES = {INTERVENTIONS: "decisions_intervention", ACTIONS: "delivery_action", DECISIONS: "decisions_decision"}

# As the API's own, but for a time that may be of before: a host's clock made it.
INSERT = """
    WITH decided AS (
        INSERT INTO decisions_decision
            (tenant_id, id, user_id, created_at, request, candidates, guardrails, propensity, reasoning, model_version,
             features, holdout, shadow, compared)
        SELECT %(tenant)s, 'dec_' || md5(random()::text), 'u0', %(time)s, '{}', '[]', '[]', 1, '', 0,
            '{}', false, false, false
        FROM generate_series(1, %(rows)s)
    ), intervened AS (
        INSERT INTO decisions_intervention (tenant_id, user_id, planned_at, status, channel)
        SELECT %(tenant)s, 'u0', %(time)s, 'planned', 'webhook' FROM generate_series(1, %(rows)s)
    )
    INSERT INTO delivery_action
        (tenant_id, action_type_id, action_type, provider, domain, user_id, parameters, status, due_at, attempts,
         replayed_from, failure_reason, created_at, expires_at)
    SELECT tenant_id, id, name, provider, '', 'u0', '{}', 'pending', now(), 0, 0, '', %(time)s, now() + interval '1 day'
    FROM (SELECT * FROM integrations_actiontype LIMIT 1) any_type, generate_series(1, %(rows)s)
"""


@pytest.fixture
def database() -> Iterator[Callable[[], psycopg.Connection[Any]]]:
    """Connects as the runtime role; what is connected is closed in the end."""
    made: list[psycopg.Connection[Any]] = []

    def connect() -> psycopg.Connection[Any]:
        made.append(psycopg.connect(database_url("default")))
        return made[-1]

    yield connect
    for each in made:
        each.close()


def begin(connection: psycopg.Connection[Any], shop: Api, rows: int = 1, age: float = 0) -> None:
    """Insert into all three tables, and leave the transaction open."""
    connection.execute("SELECT set_config('retivo.tenant_id', %s, true)", [str(shop.tenant_id)])
    connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    parameters = {"tenant": shop.tenant_id, "rows": rows, "age": age}
    connection.execute(INSERT.replace("%(time)s", "clock_timestamp() - %(age)s * interval '1 second'"), parameters)


class Reader:
    """Of one list; knows what it was given."""

    def __init__(self, shop: Api, path: str, **query: str) -> None:
        self.shop, self.path, self.query = shop, path, query
        self.cursor: str | None = None
        self.seen: list[str] = []

    def read(self) -> list[str]:
        """What is new."""
        query = self.query | ({} if self.cursor is None else {"cursor": self.cursor})
        if self.path.endswith("/export"):
            lines = [json.loads(line) for line in self.shop.get(self.path, query).getvalue().splitlines()]
            new = [line["decision_id"] for line in lines]
            self.cursor = lines[-1]["cursor"] if lines else self.cursor
        else:
            answer = self.shop.get(self.path, {"order": "committed", **query})
            assert answer.status_code == 200, answer.content
            new = [row["id"] for row in answer.json()[self.path.rpartition("/")[2]]]
            self.cursor = answer.json()["next_cursor"]
        self.seen += new
        return new

    def read_all(self) -> list[str]:
        new = []
        while some := self.read():
            new += some
        return new


def readers(shop: Api, **query: str) -> list[Reader]:
    return [Reader(shop, f"{DECISIONS}/export"), *(Reader(shop, path, **query) for path in TABLES)]


def stored(reader: Reader) -> list[str]:
    table = TABLES[reader.path.removesuffix("/export")]
    return [row_id for (row_id,) in as_owner(f"SELECT id FROM {table} ORDER BY id")]


# --- Writers --------------------------------------------------------------------------------------------------------


def test_forward__while_eight_write_in_transactions_of_any_length__has_each_row_once(
    shop: Api, database: Callable[[], psycopg.Connection[Any]]
) -> None:
    connections = [database() for _ in range(WRITERS)]
    left = threading.Semaphore(ROWS)

    def write(number: int) -> None:
        chance = random.Random(number)
        while left.acquire(blocking=False):
            begin(connections[number], shop, age=chance.random() * 3)
            time.sleep(chance.choice([0, 0, 0.01, 0.1]) * chance.random())
            if chance.random() < 0.1:
                connections[number].rollback()
            else:
                connections[number].commit()

    all_readers = readers(shop, limit=str(max(7, ROWS // 200)))
    with ThreadPoolExecutor(WRITERS) as pool:
        writing = [pool.submit(write, number) for number in range(WRITERS)]
        while not all(each.done() for each in writing):
            for reader in all_readers:
                reader.read()
        for each in writing:
            each.result()
    for reader in all_readers:
        reader.read_all()

    for reader in all_readers:
        rows = stored(reader)
        missed, doubled = len(set(rows) - set(reader.seen)), len(reader.seen) - len(set(reader.seen))
        print(f"{reader.path}: {len(rows)} rows by {WRITERS} writers, {missed} missed, {doubled} doubled")  # noqa: T201
        assert sorted(reader.seen) == rows
    assert len(rows) > ROWS / 2


def test_forward__of_decisions_made_by_eight_clients__has_each_once(shop: Api, server: Server) -> None:
    def decide(number: int) -> list[str]:
        body = {"user_id": f"u{number % 3}", "dispatch": True}
        answers = [server.send(shop, "POST", RECOMMEND, body) for _ in range(ROWS // 40)]
        assert {answer.status_code for answer in answers} == {200}
        return [answer.json()["decision_id"] for answer in answers]

    export, actions = Reader(shop, f"{DECISIONS}/export"), Reader(shop, ACTIONS)
    with ThreadPoolExecutor(WRITERS) as pool:
        deciding = [pool.submit(decide, number) for number in range(WRITERS)]
        while not all(each.done() for each in deciding):
            export.read()
            actions.read()
    export.read_all()
    actions.read_all()

    assert sorted(export.seen) == sorted(made for each in deciding for made in each.result()) == stored(export)
    assert sorted(actions.seen) == stored(actions)


def test_forward__with_a_transaction_still_open__has_what_others_committed_and_the_rest_later(
    shop: Api, database: Callable[[], psycopg.Connection[Any]]
) -> None:
    early, late, undone = database(), database(), database()
    begin(early, shop)
    begin(undone, shop)
    begin(late, shop, rows=2)
    late.commit()
    all_readers = readers(shop)

    assert [len(reader.read_all()) for reader in all_readers] == [2, 2, 2, 2]
    assert [len(reader.read_all()) for reader in all_readers] == [0, 0, 0, 0]
    early.commit()
    undone.rollback()

    assert [len(reader.read_all()) for reader in all_readers] == [1, 1, 1, 1]
    assert [len(reader.read_all()) for reader in all_readers] == [0, 0, 0, 0]
    assert [sorted(reader.seen) for reader in all_readers] == [stored(reader) for reader in all_readers]


def test_forward__with_more_transactions_open_than_a_cursor_can_hold__has_each_row_once(
    shop: Api, database: Callable[[], psycopg.Connection[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retivo.database.commits._MOST_OPEN", 2)
    connections = [database() for _ in range(6)]
    for connection in connections:
        begin(connection, shop)
    all_readers = readers(shop)
    for connection in reversed(connections):
        connection.commit()
        for reader in all_readers:
            reader.read_all()

    assert [sorted(reader.seen) for reader in all_readers] == [stored(reader) for reader in all_readers]


def cursor_of(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


# --- Cursors --------------------------------------------------------------------------------------------------------


def test_forward__from_before_there_were_positions__goes_on_with_rows_that_have_them(shop: Api) -> None:
    old = [recommend(shop)["decision_id"] for _ in range(3)]
    as_owner("UPDATE decisions_decision SET position = NULL")
    all_readers = [reader for reader in readers(shop, limit="2") if reader.path.startswith(DECISIONS)]

    assert [reader.read_all() for reader in all_readers] == [old, old]
    new = [recommend(shop)["decision_id"] for _ in range(3)]

    assert [reader.read_all() for reader in all_readers] == [new, new]


def test_forward__with_filters__has_what_matches_and_leads_on_over_all_that_does_not(
    shop: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retivo.api.forward.LOOK", 2)
    recommend(shop, "u1")
    since = shop.get(DECISIONS).json()["decisions"][0]["created_at"]
    made = 1
    for n in range(12):
        acted = False
        while not acted and made < 100:  # to do nothing may be drawn, which is rare
            acted = recommend(shop, "u1" if n % 6 == 5 else "u0", dispatch=True)["action_id"] is not None
            made += 1

    pages: list[dict[str, Any]] = []
    query: dict[str, Any] = {"order": "committed", "user_id": "u1", "since": since}
    while not (pages and pages[-1]["total_is_exact"]):
        pages.append(shop.get(ACTIONS, query).json())
        query = {"cursor": pages[-1]["next_cursor"], "user_id": "u1"}

    assert sum(page["total"] for page in pages) == sum(len(page["actions"]) for page in pages) == 2
    assert len(pages) == 7
    assert shop.get(ACTIONS, query).json()["actions"] == []
    assert len(Reader(shop, f"{DECISIONS}/export", since=since).read_all()) == made
    assert Reader(shop, f"{DECISIONS}/export", until=since).read_all() == []


def test_forward__a_page__is_as_the_schema_says(shop: Api) -> None:
    recommend(shop, dispatch=True)
    for path, name in ((DECISIONS, "listDecisions"), (ACTIONS, "listActions"), (INTERVENTIONS, "listInterventions")):
        answer = shop.get(path, {"order": "committed"})
        content = OPERATIONS[name]["responses"]["200"]["content"]["application/json"]
        assert_conforms(answer.json(), content["schema"])


@pytest.mark.parametrize(
    "cursor",
    [
        "rubbish",
        cursor_of("committed"),
        cursor_of("committed 9:"),
        cursor_of("committed    "),
        cursor_of("committed 9:   a"),
        cursor_of("committed  9: 2026-01-01T00:00:00+00:00 a\0b"),
        cursor_of("committed  9: yesterday a"),
        cursor_of("committed  9: 0001-01-01T00:00:00+01:00 a"),
        cursor_of("committed 9: 9: 2026-01-01T00:00:00+00:00 a"),
        cursor_of(f"committed {2**63}:   "),
        cursor_of("committed -9:   "),
        cursor_of("committed 9:0   "),
        cursor_of("committed 9:1,   "),
        cursor_of("committed \u00b99:   "),
        cursor_of(f"committed 9:{','.join('1' * 101)}   "),
        cursor_of("2026-01-01T00:00:00+00:00 dec_1"),
    ],
)
def test_cursor__that_no_answer_held__is_400(shop: Api, cursor: str) -> None:
    for path in (f"{DECISIONS}/export", DECISIONS, ACTIONS, INTERVENTIONS):
        order = {} if path.endswith("/export") else {"order": "committed"}
        answer = shop.get(path, {"cursor": cursor, **order})
        assert answer.status_code == 400, path
        assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [("/cursor", "invalid_cursor")]


@pytest.mark.parametrize(
    "place",
    [
        Place(before=Snapshot(end=2**63 - 1)),
        Place(before=Snapshot(end=9), now=Snapshot(end=2**63 - 1, open=(-9, 8)), last=(2**63 - 1, "z")),
        Place(now=Snapshot(end=2**63 - 1), last=(datetime.max.replace(tzinfo=UTC), "z")),
    ],
)
def test_cursor__far_ahead__is_read(shop: Api, place: Place) -> None:
    recommend(shop)

    for path in (DECISIONS, ACTIONS, INTERVENTIONS):
        assert shop.get(path, {"cursor": str(place)}).status_code == 200


# --- Another cluster ------------------------------------------------------------------------------------------------


def test_migrate__in_another_cluster__begins_an_era_behind_all_that_was_read(shop: Api) -> None:
    """Its transactions have lower numbers, and a reader may have seen rows that were lost with the former one."""
    before = [recommend(shop)["decision_id"] for _ in range(2)]
    reader, fresh = (Reader(shop, f"{DECISIONS}/export") for _ in range(2))
    assert reader.read_all() == before
    as_owner("UPDATE decisions_decision SET position = position + 1000000000")
    ((lost,),) = as_owner("SELECT max(position) + 1000 FROM decisions_decision")
    reader.cursor = str(Place(before=Snapshot(end=lost)))
    as_owner("COMMENT ON SEQUENCE commit_era IS 'cluster 1, timeline 1'")

    call_command("migrate", verbosity=0)
    call_command("migrate", verbosity=0)

    after = recommend(shop)["decision_id"]
    assert reader.read_all() == [after]
    assert fresh.read_all() == [*before, after]
    assert as_owner("SELECT obj_description('commit_era'::regclass, 'pg_class') <> 'cluster 1, timeline 1'") == [
        (True,)
    ]


# --- Cost -----------------------------------------------------------------------------------------------------------

MANY, OTHERS = 3000, 98

# What PostgreSQL knows of the tables when it plans: the position that the 3,000 rows had at ANALYZE, in SQL. The
# bounds hold in each of these states, so it does not matter if autovacuum comes in between.
STATISTICS = {
    "nothing": None,
    "no rows": None,
    "another tenant's rows": None,
    "rows of one position": "position",
    "rows of many positions": "position - 300 - abs(mod(hashtext(id), 300))",
    "rows without a position": "NULL",
}


@pytest.fixture(params=STATISTICS)
def behind(
    request: pytest.FixtureRequest, acme: Api, shop: Api, database: Callable[[], psycopg.Connection[Any]]
) -> tuple[int, tuple[int, ...]]:
    """The position of 3,000 rows of each table, and 98 positions before it with a row each.

    These are the first of all: no transaction that is open, in whatever database, has one of their numbers.
    """
    known, connection = request.param, database()
    for table in TABLES.values():
        forget_statistics(table)
    if known == "another tenant's rows":
        write(connection, shop_of(acme, slug="other"), MANY)
    if STATISTICS[known] is None and known != "nothing":
        as_owner(f"ANALYZE {', '.join(TABLES.values())}")
    other = write(connection, shop, OTHERS)
    ((first,),) = as_owner("SELECT (last_value << 48) + 3 FROM commit_era")
    others = range(first, first + OTHERS)
    for table in TABLES.values():
        as_owner(
            f"UPDATE {table} t SET position = %s + n - 1"
            f" FROM (SELECT id, row_number() OVER () AS n FROM {table} WHERE position = %s) one WHERE t.id = one.id",
            others.start,
            other,
        )
    position = write(connection, shop, MANY)
    for table in TABLES.values() if STATISTICS[known] else ():
        as_owner(f"UPDATE {table} SET position = {STATISTICS[known]} WHERE position = %s", position)
        as_owner(f"ANALYZE {table}")
        as_owner(f"UPDATE {table} SET position = %s WHERE position IS NULL OR position >= %s", position, others.stop)
    return position, tuple(others)


def write(connection: psycopg.Connection[Any], shop: Api, rows: int) -> int:
    """The position of what was written."""
    begin(connection, shop, rows)
    found = connection.execute("SELECT max(position) FROM delivery_action").fetchone()
    connection.commit()
    assert found is not None
    return int(found[0])


def forget_statistics(table: str) -> None:
    """As if `table` were new, whatever an earlier test or autovacuum made known of it."""
    as_owner("SELECT pg_clear_relation_stats('public', %s)", table)
    as_owner(
        "SELECT pg_clear_attribute_stats('public', %s, attname, false) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        table,
        table,
    )


EXPORT, NOBODY, LONG_AGO = f"{DECISIONS}/export", {"user_id": "nobody"}, {"since": "2020-01-01T00:00:00Z"}


def test_forward__behind_many_rows__reads_those_that_are_new_whatever_is_known_or_was_open(
    shop: Api, behind: tuple[int, tuple[int, ...]], database: Callable[[], psycopg.Connection[Any]]
) -> None:
    many, others = behind
    write(database(), shop, 2)
    asked: list[tuple[str, dict[str, str]]] = [
        (EXPORT, {}),
        (EXPORT, LONG_AGO),
        *((path, {"limit": "100", **query}) for path in TABLES for query in ({}, NOBODY)),
        (ACTIONS, {"limit": "100", **LONG_AGO}),
    ]

    for were_open in (0, 1, OTHERS):
        before = Snapshot(end=many + 1, open=others[:were_open])
        for path, query in asked:
            reader = Reader(shop, path, **query)
            reader.cursor = str(Place(before=before))
            for new in (were_open + 2 if "user_id" not in query else 0, 0):
                assert_reads_what_is_new(reader, new)


def assert_reads_what_is_new(reader: Reader, new: int) -> None:
    """In one of three tries, as a session now and then reads the catalog."""
    cursor = reader.cursor
    place = Place.parse(cursor or "")
    assert place is not None
    # Each that was open, perhaps in another test's database, is a descent of the index, and what a page that is not
    # full has is read twice.
    descents = 2 + sum(len(each.open) for each in (place.before, place.now) if each)
    bounds, tries = (2 * descents + 10, 10 * descents + 20), []
    for _ in range(3):
        reader.cursor = cursor
        with reads() as seen:
            assert len(reader.read()) == new
        tries.append((sum(each.rows for each in seen), sum(each.buffers for each in seen)))
        if all(read <= bound for read, bound in zip(tries[-1], bounds, strict=True)):
            return
    raise AssertionError((reader.path, reader.query, bounds, tries))


def test_lists__of_many_rows__read_no_more_than_their_bound_whatever_is_known(
    shop: Api, behind: tuple[int, tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    look, (many, _) = 200, behind
    monkeypatch.setattr("retivo.api.listing.LOOK", look)
    monkeypatch.setattr("retivo.api.forward.LOOK", look)
    was_open = str(Place(before=Snapshot(end=many + 1, open=(many,))))
    orders: list[dict[str, str]] = [{}, {"order": "committed"}, {"cursor": was_open}]

    for path in TABLES:
        for query in (order | more for order in orders for more in ({}, NOBODY, {"user_id": "u0"})):
            with reads() as seen:
                page = shop.get(path, query).json()
                if page["next_cursor"]:
                    shop.get(path, {**query, "cursor": page["next_cursor"]}).json()
            for each in seen:
                assert each.rows <= 2 * look, (path, query, each)
