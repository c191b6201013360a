"""Writing and reading: units are atomic, grouped, answered after the commit, and end with the store."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.app.errors import StoreError
from workbench.app.paths import Paths, paths_for
from workbench.app.store import writer as writer_module
from workbench.app.store.connection import open_writer
from workbench.app.store.store import Store
from workbench.app.store.writer import Statement, Writer
from workbench.tests.integration.store_kit import (
    keys_in,
    look,
    make_table,
    put,
    wait_until,
    write_lock,
)

ENDLESS = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
INSERT = "INSERT INTO things (key) VALUES (?)"


async def ignore_disk(_reason: str | None, _waited: float) -> None:
    """Hear of the disk and do nothing."""


async def test_a_write_is_committed_before_it_is_answered(store: Store, paths: Paths) -> None:
    await make_table(store)
    for key in range(5):
        await put(store, key)
        assert look(paths, "SELECT key FROM things") == list(range(key + 1))


async def test_rows_come_back_from_the_last_statement_of_a_unit(store: Store) -> None:
    await make_table(store)
    assert await store.write(f"{INSERT} RETURNING key", (7,)) == [(7,)]
    rows = await store.write_all([(INSERT, (8,)), ("SELECT key FROM things ORDER BY key", ())])
    assert rows == [(7,), (8,)]
    assert await store.write_all([]) == []


async def test_many_writes_at_once_need_few_commits(paths: Paths) -> None:
    paths.data_dir.mkdir()
    ran: list[str] = []
    connection = await open_writer(paths.database)
    writer = Writer(connection, paths.database, wait_for_disk=False, on_disk=ignore_disk)
    await writer.write([("CREATE TABLE things (key INTEGER PRIMARY KEY)", ())])
    await connection.set_trace_callback(ran.append)
    await asyncio.gather(*(writer.write([(INSERT, (key,))]) for key in range(1000)))
    await writer.close()
    assert ran.count("COMMIT") <= 10
    assert look(paths, "SELECT count(*) FROM things") == [1000]


async def test_messages_are_synced_and_telemetry_is_not(paths: Paths) -> None:
    paths.data_dir.mkdir()
    ran: list[str] = []
    connection = await open_writer(paths.database)
    writer = Writer(connection, paths.database, wait_for_disk=False, on_disk=ignore_disk)
    await writer.write([("CREATE TABLE things (key INTEGER PRIMARY KEY)", ())])
    await connection.set_trace_callback(ran.append)
    await writer.append("INSERT INTO things (key)", [(1,)])
    await writer.write([(INSERT, (2,))])
    await writer.close()
    pragmas = [sql for sql in ran if sql.startswith("PRAGMA synchronous")]
    assert pragmas == ["PRAGMA synchronous = NORMAL", "PRAGMA synchronous = FULL"]


async def test_rows_of_telemetry_are_kept_in_any_number(store: Store) -> None:
    await make_table(store)
    start = 0
    for count in (0, 1, 399, 400, 401, 5000):
        await store.append("INSERT INTO things (key)", [(key,) for key in range(start, start + count)])
        start += count
    assert await keys_in(store) == list(range(start))


# --- atomic and apart ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        (INSERT, (1,)),
        ("INSERT INTO nowhere VALUES (1)", ()),
        ("not SQL at all", ()),
        (INSERT, ("text in a column of numbers",)),
        (INSERT, ("\udce9",)),
        (INSERT, (2**70,)),
        (INSERT, (object(),)),
        (INSERT, (1, 2, 3)),
        ("INSERT OR ROLLBACK INTO things (key) VALUES (?)", (1,)),
        (
            "INSERT INTO messages VALUES ('m', 'no session', NULL, 'user', 'complete', '', 0, 0, '', '', '')",
            (),
        ),
    ],
)
async def test_a_unit_that_fails_leaves_nothing_and_hurts_no_neighbour(
    store: Store, statement: Statement
) -> None:
    await make_table(store)
    await put(store, 1)
    results = await asyncio.gather(
        put(store, 10, 11),
        store.write(*statement),
        store.write_all([(INSERT, (20,)), statement, (INSERT, (21,))]),
        put(store, 30),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), StoreError, StoreError, type(None)]
    for error in results[1:3]:
        assert isinstance(error, StoreError)
        assert error.code == "store.failed"
        assert "\n" not in error.message
    assert await keys_in(store) == [1, 10, 11, 30]


async def test_a_fault_that_shows_at_the_commit_hurts_no_neighbour(store: Store) -> None:
    await make_table(store)
    await store.write(
        "CREATE TABLE later (thing INTEGER REFERENCES things (key) DEFERRABLE INITIALLY DEFERRED)"
    )
    results = await asyncio.gather(
        put(store, 1),
        store.write("INSERT INTO later VALUES (99)"),
        put(store, 2),
        return_exceptions=True,
    )
    assert isinstance(results[1], StoreError)
    assert results[0] is None and results[2] is None
    assert await keys_in(store) == [1, 2]
    assert await store.read("SELECT * FROM later") == []


UNITS = st.lists(
    st.lists(
        st.integers(0, 12).map(lambda key: (INSERT, (key,)))
        | st.integers(0, 12).map(lambda key: ("DELETE FROM things WHERE key = ?", (key,)))
        | st.just(("INSERT INTO nowhere VALUES (1)", ()))
        | st.just((INSERT, ("\udce9",)))
        | st.just(("INSERT OR ROLLBACK INTO things (key) VALUES (?)", (3,))),
        min_size=1,
        max_size=4,
    ),
    max_size=25,
)


def expected(units: list[list[Statement]]) -> tuple[set[int], list[bool]]:
    """Return the keys that remain, and which units succeed, when units run one after the other."""
    keys: set[int] = set()
    outcomes = []
    for unit in units:
        now = set(keys)
        good = True
        for sql, parameters in unit:
            key = parameters[0] if parameters else None
            if sql.startswith("DELETE"):
                now.discard(key)
            elif not isinstance(key, int) or key in now:
                good = False
                break
            else:
                now.add(key)
        keys = now if good else keys
        outcomes.append(good)
    return keys, outcomes


@settings(max_examples=40, deadline=None)
@given(UNITS)
def test_units_at_once_end_as_if_they_ran_one_by_one(units: list[list[Statement]]) -> None:
    async def run(folder: Path) -> None:
        store = await Store.open(paths_for(folder))
        try:
            await make_table(store)
            results = await asyncio.gather(*(store.write_all(unit) for unit in units), return_exceptions=True)
            keys, outcomes = expected(units)
            assert [not isinstance(result, StoreError) for result in results] == outcomes
            assert set(await keys_in(store)) == keys
        finally:
            await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


# --- cancelling and closing ---------------------------------------------------------------------------


async def test_a_write_that_is_cancelled_while_it_waits_is_not_done(store: Store, paths: Paths) -> None:
    await make_table(store)
    async with write_lock(paths):
        first = asyncio.create_task(put(store, 1))
        await asyncio.sleep(0)
        second, third = asyncio.create_task(put(store, 2)), asyncio.create_task(put(store, 3))
        for _ in range(3):
            await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
    await asyncio.gather(first, third)
    assert await keys_in(store) == [1, 3]


class Text(str):
    """A text whose life can be watched."""


async def test_writes_that_are_cancelled_do_not_pile_up_while_the_writer_waits(
    store: Store, paths: Paths
) -> None:
    await make_table(store)
    async with write_lock(paths):
        first = asyncio.create_task(put(store, 1))
        await asyncio.sleep(0)
        text = Text("x")
        alive = weakref.ref(text)
        second = asyncio.create_task(put(store, 2, text=text))
        for _ in range(3):
            await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        del second, text
        gc.collect()
        assert alive() is None
        assert not first.done()
    await first


async def test_closing_commits_what_waits(paths: Paths) -> None:
    store = await Store.open(paths)
    await make_table(store)
    async with write_lock(paths):
        writes = [asyncio.create_task(put(store, key)) for key in range(20)]
        await asyncio.sleep(0)
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0)
    await asyncio.gather(*writes)
    await closing
    assert look(paths, "SELECT key FROM things") == list(range(20))


async def test_closing_answers_every_writer_however_many_wait(paths: Paths) -> None:
    store = await Store.open(paths)
    await make_table(store)
    async with write_lock(paths):
        writes = [asyncio.create_task(put(store, key)) for key in range(3000)]
        for _ in range(3):
            await asyncio.sleep(0)
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0)
    results = await asyncio.gather(*writes, return_exceptions=True)
    await closing
    kept = [key for key, result in enumerate(results) if result is None]
    refused = [result for result in results if result is not None]
    assert len(kept) >= 1000
    assert all(isinstance(error, StoreError) and error.code == "store.closed" for error in refused)
    assert look(paths, "SELECT key FROM things") == kept


async def test_a_closed_store_says_so(paths: Paths) -> None:
    store = await Store.open(paths)
    await asyncio.gather(store.close(), store.close())
    await store.close()
    attempts = (
        store.read("SELECT 1"),
        store.write("SELECT 1"),
        store.append("INSERT INTO things (key)", [(1,)]),
        store.back_up(),
    )
    for attempt in attempts:
        with pytest.raises(StoreError) as caught:
            await attempt
        assert caught.value.code == "store.closed"


@pytest.mark.parametrize("steps", range(6))
async def test_a_close_that_is_cancelled_still_closes(paths: Paths, steps: int) -> None:
    store = await Store.open(paths)
    await make_table(store)
    await store.read("SELECT 1")
    closing = asyncio.create_task(store.close())
    for _ in range(steps):
        await asyncio.sleep(0)
    closing.cancel()
    with suppress(asyncio.CancelledError):
        await closing
    await store.close()
    again = await Store.open(paths)
    assert again.report.clean
    await again.close()


# --- reading ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("SELECT * FROM nowhere", ()),
        ("not SQL", ()),
        ("SELECT ?", ("\udce9",)),
        ("SELECT ?", (2**70,)),
        ("SELECT ?", ()),
        ("INSERT INTO sessions VALUES ('s', '', 0, 0, NULL, NULL, '')", ()),
        ("PRAGMA user_version = 9", ()),
    ],
)
async def test_a_query_that_cannot_run_is_a_store_error(
    store: Store, sql: str, parameters: tuple[object]
) -> None:
    with pytest.raises(StoreError):
        await store.read(sql, parameters)
    assert await store.read("SELECT 1") == [(1,)]
    assert await store.read("SELECT count(*) FROM sessions") == [(0,)]


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 10, 500])
async def test_cancelling_a_query_stops_it(store: Store, steps: int) -> None:
    queries = [asyncio.create_task(store.read(ENDLESS)) for _ in range(4)]
    for _ in range(steps):
        await asyncio.sleep(0)
    for query in queries:
        query.cancel()
    await asyncio.wait(queries)
    assert all(query.cancelled() for query in queries)
    assert await asyncio.gather(*(store.read("SELECT 1") for _ in range(4))) == [[(1,)]] * 4


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 10, 500])
async def test_closing_stops_queries(paths: Paths, steps: int) -> None:
    store = await Store.open(paths)
    queries = [asyncio.create_task(store.read(ENDLESS)) for _ in range(4)]
    for _ in range(steps):
        await asyncio.sleep(0)
    await store.close()
    for result in await asyncio.gather(*queries, return_exceptions=True):
        assert isinstance(result, StoreError)
        assert result.code == "store.closed"


# --- the log of SQLite --------------------------------------------------------------------------------


async def test_sqlites_log_is_emptied_when_nothing_happens(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_IDLE_SECONDS", 0.02)
    store = await Store.open(paths)
    await make_table(store)
    await put(store, 1)
    log = paths.database.with_name("workbench.db-wal")
    await wait_until(lambda: log.stat().st_size == 0)
    await put(store, 2)
    assert await keys_in(store) == [1, 2]
    await store.close()
    assert not log.exists()


async def test_emptying_sqlites_log_waits_for_no_reader(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.open(paths)
    await make_table(store)
    monkeypatch.setattr(writer_module, "_IDLE_SECONDS", 0.0)
    query = asyncio.create_task(store.read(f"SELECT (SELECT key FROM things), ({ENDLESS})"))
    for key in range(20):
        await asyncio.wait_for(put(store, key), 4)
    assert not query.done()
    query.cancel()
    with pytest.raises(asyncio.CancelledError):
        await query
    assert await keys_in(store) == list(range(20))
    await store.close()
