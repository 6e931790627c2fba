# ruff: noqa: S311, T201 - the same data each time, not secrets; what was counted is shown
"""What only the store in a file has to do; for what every store does see tests/conformance."""

import json
import os
import random
import re
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.core.model import Body, Run
from proxy.errors import ConfigError, StoreError, StoreUnavailable
from proxy.stores import open_store, sqlite
from proxy.stores._api import AddExchange, OpenRun, RunQuery
from proxy.stores.sqlite import SqliteStore
from tests.budget import within

type Opens = Callable[..., SqliteStore]
type Call = Callable[..., AddExchange]

ROOT = Path(__file__).parents[2]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- files -----------------------------------------------------------------------------------


def test_files_are_their_owners_alone_whatever_the_umask(
    opened: Opens, path: Path, call: Call, tmp_path: Path
) -> None:
    before = os.umask(0)
    try:
        store = opened()
        store.write([call(1)])
        store.events("run_a")
        store.backup(tmp_path / "copies" / "one.db")
    finally:
        os.umask(before)
    files = {file.name: mode(file) for file in path.parent.iterdir()}
    names = ("dashcam.db", "dashcam.db-wal", "dashcam.db-shm", ".gitignore")
    assert files == dict.fromkeys(names, 0o600)
    assert mode(path.parent) == 0o700
    assert mode(tmp_path / "copies" / "one.db") == 0o600
    assert mode(tmp_path / "copies") == 0o700


def test_a_store_that_others_could_read_is_narrowed(opened: Opens, path: Path) -> None:
    opened().close()
    path.chmod(0o644)
    opened()
    assert mode(path) == 0o600


def test_closing_leaves_one_file(opened: Opens, path: Path, call: Call) -> None:
    store = opened()
    store.write([call(1)])
    store.close()
    assert {file.name for file in path.parent.iterdir()} == {"dashcam.db", ".gitignore"}
    store.close()
    for use in (store.verify, lambda: store.write([]), lambda: store.runs(RunQuery())):
        with pytest.raises(StoreError, match="is closed"):
            use()


def test_the_folder_may_be_changed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///here/x.db")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    store.write([call(1)])
    assert store.last_seq("run_a") == 1
    store.close()
    assert (tmp_path / "here" / "x.db").is_file()


@pytest.mark.parametrize(
    "url", ["sqlite:///", "sqlite:x.db", "sqlite://host/x.db", "sqlite:///folder/"]
)
def test_urls_that_name_no_file(url: str) -> None:
    with pytest.raises(ConfigError, match="names no file"):
        open_store(url)


def test_a_durability_that_is_not_known(path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        open_store(f"sqlite:///{path}", durability="eternal")
    assert refused.value.hint == "one of durable, strict, fast"


def test_a_file_that_somebody_took_away_is_made_again(
    opened: Opens, path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_LOOK", 0.0)
    store = opened()
    store.write([call(1)])
    secret = store.secret()
    for file in path.parent.iterdir():
        file.unlink()
    store.write([call(2)])
    assert [exchange.id for exchange in store.exchanges("run_a")] == ["ex_run_a_2"]
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT id FROM exchanges").fetchall() == [("ex_run_a_2",)]
    assert store.secret() == secret
    assert opened().secret() == secret
    assert mode(path) == 0o600
    assert (path.parent / ".gitignore").exists()


# --- trouble ---------------------------------------------------------------------------------


def test_a_locked_file_is_said_and_waited_for(opened: Opens, path: Path, call: Call) -> None:
    store = opened()
    store.write([call(1)])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="another process is writing to it"):
            store.write([call(2)])
        assert len(list(store.exchanges("run_a"))) == 1  # reading goes on
        other.execute("ROLLBACK")
    store.write([call(2)])
    assert [found.seq for found in store.exchanges("run_a")] == [1, 2]


def test_a_full_disk_is_said_and_recovered_from(opened: Opens, call: Call) -> None:
    store = opened()
    noise = random.Random(1)
    stored: set[int] = set()
    refused: list[str] = []
    pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
    store._writer.execute(f"PRAGMA max_page_count = {pages + 60}")
    for number in range(40):
        body = Body(noise.randbytes(4000))
        try:
            store.write([call(number, request_body=body)])
            stored.add(number)
        except StoreUnavailable as error:
            refused.append(error.message)
        if number == 30:
            store._writer.execute(f"PRAGMA max_page_count = {pages + 6000}")
    assert len(refused) >= 5
    assert all("the disk is full" in message for message in refused)
    assert {39, 38} <= stored
    assert {int(found.id.rpartition("_")[2]) for found in store.exchanges("run_a")} == stored
    assert store.verify() == []


def test_what_no_column_holds_is_refused_alone(opened: Opens, call: Call) -> None:
    store = opened()
    with pytest.raises(StoreError, match="cannot store what no column holds"):
        store.write([call(1), call(2, backoff_us=2**70)])
    with pytest.raises(StoreError, match="cannot store what no column holds"):
        store.write([call(3, started_at=float("nan"))])
    assert store.runs(RunQuery()) == []
    store.write([call(1)])
    assert store.last_seq("run_a") == 1


def test_a_failed_checkpoint_is_no_failed_write(
    opened: Opens, path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened()
    monkeypatch.setattr(sqlite, "_CHECKPOINT", 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        monkeypatch.setattr(sqlite, "connect", lambda _: (_ for _ in ()).throw(sqlite3.Error()))
        store.write([call(1)])
        monkeypatch.undo()
        assert other.execute("SELECT count(*) FROM exchanges").fetchone() == (1,)


# --- the write-ahead log ---------------------------------------------------------------------


def test_the_log_stays_small_while_a_reader_is_half_way(
    opened: Opens, path: Path, call: Call
) -> None:
    store = opened(durability="fast")
    store.write([call(n) for n in range(30)])
    half_way = store.exchanges("run_a")
    next(half_way)
    noise = random.Random(1)
    largest = 0
    for number in range(100, 1000, 30):
        body = Body(noise.randbytes(20_000))
        store.write(
            [
                call(n, request_body=body, response_body=Body(noise.randbytes(20_000)))
                for n in range(number, number + 30)
            ]
        )
        largest = max(largest, store.size().log)
    assert path.stat().st_size > 12_000_000
    assert largest < 8_000_000
    assert next(half_way).seq == 2
    store.checkpoint()
    assert store.size().log == 0


def test_what_crashed_processes_left_in_the_log_is_copied(
    opened: Opens, path: Path, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened()
    noise = random.Random(1)
    for number in range(30):
        store.write([call(number, request_body=Body(noise.randbytes(90_000)))])
    folder = tmp_path / "crashed"
    folder.mkdir()
    for suffix in ("", "-wal"):
        (folder / f"dashcam.db{suffix}").write_bytes(
            path.with_name(f"dashcam.db{suffix}").read_bytes()
        )
    again = SqliteStore("", folder / "dashcam.db", create=False, durability="durable")
    assert again.size().log > 2_000_000
    monkeypatch.setattr(sqlite, "_CHECKPOINT", 2_000_000)
    again.write([call(99)])
    assert again._unchecked == 0
    again.write([call(100)])
    assert 0 < again._unchecked < 100_000
    again.close()


def test_any_program_may_read_along(opened: Opens, path: Path, call: Call) -> None:
    store = opened()
    store.write([call(1)])
    script = (
        "import sqlite3, sys\n"
        "db = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True)\n"
        "print(db.execute('SELECT count(*) FROM agent_events').fetchone()[0], flush=True)\n"
        "sys.stdin.readline()\n"
        "print(db.execute('SELECT count(*) FROM agent_events').fetchone()[0], flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "1\n"
        store.write([call(2)])
        said, _ = reader.communicate("go on\n")
    assert said == "2\n"


# --- processes -------------------------------------------------------------------------------

COMMON = """
import json, os, random, select, sys, time
from proxy.core.model import Body, Event, Exchange, Own, RequestHead, ResponseHead
from proxy.errors import StoreUnavailable
from proxy.stores import open_store
from proxy.stores._api import AddExchange

def call(id, run_id, body):
    head = RequestHead("POST", "https", "h", 443, "/v1")
    exchange = Exchange(id, run_id, 0, "forward", time.time(), head, Body(body), ResponseHead(200))
    exchange.own = Own(group="g/h")
    return AddExchange(exchange, Event(run_id, "http", "POST /v1", exchange.started_at))
"""

VICTIMS = (
    COMMON
    + """
# Once for each line it is told: a child that writes and says what is stored, until it is killed.
hasty = len(sys.argv) > 2  # says so before it is true
for line in sys.stdin:
    url, cycle, lines = json.loads(line)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        noise = random.Random(cycle)
        store = open_store(url)
        number = 0
        while True:
            names = [f"{cycle}.{number + n}" for n in range(2)]
            number += 2
            if hasty:
                os.write(writing, f"{number}\\n".encode())
            store.write([call(name, f"run {cycle}", noise.randbytes(1500)) for name in names])
            if not hasty:
                os.write(writing, f"{number}\\n".encode())
    os.close(writing)
    with os.fdopen(reading) as said:
        for _ in range(lines):
            said.readline()
        moment = random.Random(lines + cycle).random() * 0.004
        select.select([reading], [], [], moment)  # in the middle of something, or just after it
        os.kill(child, 9)
        rest = said.read().split()
    os.waitpid(child, 0)
    print(json.dumps(int(rest[-1]) if rest else 2 * lines), flush=True)
"""
)
KILLS = int(os.environ.get("DASHCAM_STORE_KILLS", "20"))
OF_ONE_STORE = 500  # kills of writers of a store, which grows with them


def killed(folder: Path, *flags: str, kills: int = KILLS) -> Iterator[tuple[Path, dict[int, int]]]:
    """Writers are killed; the stores, and how much each writer had said was stored, by cycle."""
    with subprocess.Popen(
        [sys.executable, "-c", VICTIMS, "victims", *flags],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as victims:
        assert victims.stdin is not None
        assert victims.stdout is not None
        stored: dict[int, int] = {}
        path = folder / "dashcam.db"
        for cycle in within(range(kills)):
            if cycle % OF_ONE_STORE == 0:
                if stored:
                    yield path, stored
                path, stored = folder / f"{cycle}" / "dashcam.db", {}
                SqliteStore("", path, create=True, durability="durable").close()
            asked = [f"sqlite:///{path}", cycle, cycle % 3 + 1]
            victims.stdin.write(f"{json.dumps(asked)}\n")
            victims.stdin.flush()
            stored[cycle] = json.loads(victims.stdout.readline())
        yield path, stored


def missing(store: SqliteStore, stored: dict[int, int]) -> list[str]:
    """What was said to be stored, and is not there."""
    gone = []
    for cycle, least in stored.items():
        found = {exchange.id for exchange in store.exchanges(f"run {cycle}")}
        assert len(found) % 2 == 0  # whole batches
        gone += [name for n in range(least) if (name := f"{cycle}.{n}") not in found]
    return gone


def test_a_killed_writer_loses_nothing_it_had_stored(tmp_path: Path) -> None:
    kills = calls = 0
    for path, stored in killed(tmp_path):
        with closing(SqliteStore("", path, create=False, durability="durable")) as store:
            assert missing(store, stored) == []
            assert store.verify() == []
        kills += len(stored)
        calls += sum(stored.values())
    print(f"# {kills} kills, {calls} stored calls, 0 lost")


def test_a_writer_that_says_so_too_early_is_found_out(tmp_path: Path) -> None:
    ((path, stored),) = killed(tmp_path, "hasty", kills=8)
    with closing(SqliteStore("", path, create=False, durability="durable")) as store:
        gone = missing(store, stored)
        assert store.verify() == []
    print(f"# a writer that says so too early, for comparison: {len(gone)} lost in 8 kills")
    assert gone


def test_a_slow_reader_does_not_make_the_log_grow(opened: Opens, call: Call) -> None:
    store = opened()
    noise = random.Random(1)
    store.write([call(number, run_id="read") for number in range(3)])
    reading = store.exchanges("read")
    next(reading)  # and the reader is busy with it
    most = 0
    for number in range(3, 30):
        store.write([call(number, run_id="written", request_body=Body(noise.randbytes(1_000_000)))])
        most = max(most, store.size().log)
    assert 4_000_000 < most < 8_000_000  # of 27 MB, and with what one batch adds
    assert len(list(reading)) == 2


WRITERS = (
    COMMON
    + """
url, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
shared = b'{"messages":[{"role":"system","content":"' + b"the same for all " * 300 + b'"}]}'
sys.stdin.readline()
store = open_store(url)
for number in range(count):
    batch = [
        call(f"{name}.{number}", "run both", shared),
        call(f"{name}.own.{number}", f"run {name}", shared),
    ]
    while True:
        try:
            store.write(batch)
            break
        except StoreUnavailable:
            os.sched_yield()
store.close()
"""
)


def test_two_processes_make_and_write_one_store(opened: Opens, path: Path) -> None:
    count = 60
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITERS, f"sqlite:///{path}", name, str(count)],
            stdin=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for name in ("a", "b")
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.close()
    assert [writer.wait(60) for writer in writers] == [0, 0]
    store = opened()
    assert store.verify() == []
    both = list(store.exchanges("run both"))
    assert [exchange.seq for exchange in both] == list(range(1, 2 * count + 1))
    assert {exchange.id for exchange in both} == {f"{w}.{n}" for w in "ab" for n in range(count)}
    groups = [event for event in store.events("run both") if event.kind == "group"]
    assert [event.data["path"] for event in groups] == ["g", "g/h"]
    assert store.last_seq("run a") == store.last_seq("run b") == count
    store.delete_run("run both")
    assert store.verify() == []


def test_another_process_deletes_what_this_one_remembers(opened: Opens, call: Call) -> None:
    """Pieces, groups and streams of a deleted run are not gone on with."""
    one, other = opened(), opened()
    body = Body(b'{"messages":["' + b"remembered " * 500 + b'"]}')
    one.write([call(1, request_body=body)])
    other.delete_run("run_a")
    one.write([call(2, request_body=body), call(3, "run_b", request_body=body)])
    assert one.exchange("ex_run_a_2").request_body == body
    assert one.verify() == []


def test_a_run_closed_by_another_process_is_seen(opened: Opens, call: Call) -> None:
    one, other = opened(), opened()
    one.write([call(1)])
    other.write([call(2), OpenRun(Run("run_a", "named", "c", 0.0, metadata={"k": 1}))])
    one.write([call(3)])
    found = one.find_run("run_a")
    assert (found.label, found.metadata) == ("named", {"k": 1})
    assert [exchange.seq for exchange in one.exchanges("run_a")] == [1, 2, 3]


# --- copies ----------------------------------------------------------------------------------


def test_a_backup_is_a_store(opened: Opens, call: Call, tmp_path: Path) -> None:
    """Made while somebody writes: what it has is whole, and up to a moment."""
    store = opened()
    store.write([call(n) for n in range(50)])
    done = threading.Event()

    def write() -> None:
        for number in range(50, 400):
            store.write([call(number)])
            if done.is_set():
                return

    writer = threading.Thread(target=write)
    writer.start()
    copies = [tmp_path / f"{number}.db" for number in range(5)]
    for copy in copies:
        store.backup(copy)
    done.set()
    writer.join()
    for copy in copies:
        restored = open_store(f"sqlite:///{copy}", create=False)
        assert restored.verify() == []
        assert restored.secret() == store.secret()
        found = list(restored.exchanges("run_a"))
        assert len(found) >= 50
        assert found == list(store.exchanges("run_a"))[: len(found)]
        restored.write([call(1000)])
        restored.close()


def test_a_backup_overwrites_nothing(opened: Opens, tmp_path: Path) -> None:
    store = opened()
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(StoreError, match="is there already"):
        store.backup(tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "mine"
    with pytest.raises(StoreError, match="cannot write to"):
        store.backup(tmp_path / "mine" / "x.db")


# --- the documentation -----------------------------------------------------------------------

QUERIES = re.findall(
    r"### ([^\n]+)\n\n```sql\n(.*?)```", (ROOT / "docs" / "store.md").read_text(), re.DOTALL
)


def test_queries_are_documented() -> None:
    assert {"Runs of today by outcome", "The slowest tool calls", "Calls that were retried"} <= {
        heading for heading, _ in QUERIES
    }


@pytest.mark.parametrize(("heading", "query"), QUERIES, ids=[heading for heading, _ in QUERIES])
def test_a_documented_query_answers(
    opened: Opens, path: Path, call: Call, heading: str, query: str
) -> None:
    store = opened()
    with closing(sqlite3.connect(path)) as other:
        (now,) = other.execute("SELECT unixepoch()").fetchone()
        tool = replace(call(2).event, kind="tool_call", data={"latencyMs": 70.5})
        slow = replace(tool, name="crm.get", data={"latencyMs": 900})
        retried: dict[str, object] = {"attempt": 2, "retry_reason": "429", "backoff_us": 1500}
        store.write([OpenRun(Run("run_a", "l", "c", float(now)))])
        store.write([call(1), AddExchange(call(2).exchange, tool)])
        store.write([AddExchange(call(3, **retried).exchange, slow)])
        store.write([OpenRun(Run("old", "l", "c", now - 200_000.0))])
        found = other.execute(query).fetchall()
    expected = {
        "Runs of today by outcome": [("open", 1)],
        "The slowest tool calls": [("crm.get", 900), ("openai.chat", 70.5)],
        "Calls that were retried": [("run_a", "crm.get", 2, "429", 1.5, "ok")],
        "A run's calls with the groups they were made in": [
            ("openai.chat",),
            ("openai.chat",),
            ("crm.get",),
        ],
    }[heading]
    if heading == "The slowest tool calls":
        found = [row[1:3] for row in found]
    if heading.startswith("A run's calls"):
        found = [row[:1] for row in found]
    assert found == expected


@pytest.mark.parametrize("table", ["agent_runs", "agent_events", "outcomes", "violations"])
def test_documented_columns_are_the_tables(store: SqliteStore, path: Path, table: str) -> None:
    text = (ROOT / "docs" / "store.md").read_text()
    found = re.search(rf"^\| `{table}` \|[^|]*\| `([^`]*)` \|", text, re.MULTILINE)
    assert found is not None
    with closing(sqlite3.connect(path)) as other:
        columns = [row[1] for row in other.execute(f"PRAGMA table_info({table})")]
    assert found[1].split(", ") == columns
