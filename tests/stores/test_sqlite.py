# ruff: noqa: S311 - the same data each time, not secrets; what was counted is shown
"""What only the store in a file has to do; for what every store does see tests/conformance."""

import os
import random
import re
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proxy.core.model import Body, Run
from proxy.errors import ConfigError, StoreError, StoreUnavailable
from proxy.stores import open_store, reserve, sqlite, sqlite_connect
from proxy.stores._api import AddExchange, OpenRun, RunQuery
from proxy.stores.sqlite import SqliteStore

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


def test_a_link_to_a_store_is_not_there_yet(tmp_path: Path, call: Call) -> None:
    """The file that it leads to is made as any, and so is what SQLite puts beside that one."""
    link, real = tmp_path / "link.db", tmp_path / "far" / "x.db"
    link.symlink_to(real)
    store = SqliteStore("", link, create=True, durability="durable")
    store.write([call(1)])
    assert {file.name: mode(file) for file in real.parent.iterdir()} == dict.fromkeys(
        ("x.db", "x.db-wal", "x.db-shm", ".gitignore"), 0o600
    )
    assert store.size().log > 0
    store.close()


def test_a_store_that_others_could_read_is_narrowed(opened: Opens, path: Path) -> None:
    opened().close()
    path.chmod(0o644)
    opened()
    assert mode(path) == 0o600


def test_what_its_owner_made_read_only_stays_so(opened: Opens, path: Path) -> None:
    opened().close()
    path.chmod(0o444)
    with suppress(StoreError):  # not for root
        opened()
    assert mode(path) == 0o400


def test_a_store_on_a_read_only_disk_can_be_read(
    opened: Opens, path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of which this is a picture: nothing can be made in the folder, and it says so."""
    recording = opened()
    recording.write([call(1)])
    access, connect = os.access, sqlite3.connect
    monkeypatch.setattr(os, "access", lambda *asked: asked[0] != path.parent and access(*asked))

    def refusing(name: str | Path, **given: Any) -> sqlite3.Connection:
        if str(name).endswith("dashcam.db"):  # not ?immutable=1
            raise sqlite3.OperationalError("unable to open database file")
        found: sqlite3.Connection = connect(name, **given)
        return found

    with pytest.raises(StoreError, match="has a log beside it") as refused:
        opened(create=False)
    assert "copy dashcam.db and dashcam.db-wal" in str(refused.value.hint)
    recording.close()
    monkeypatch.setattr(sqlite3, "connect", refusing)
    before = path.read_bytes()
    store = opened(create=False)
    assert [one.id for one in store.exchanges("run_a")] == ["ex_run_a_1"]
    assert store.verify() == []
    with pytest.raises(StoreUnavailable, match="may not be written to"):
        store.write([call(2)])
    store.close()
    assert path.read_bytes() == before
    assert {file.name for file in path.parent.iterdir()} == {"dashcam.db", ".gitignore"}
    with pytest.raises(StoreError):
        opened()  # to record


def test_a_full_disk_does_not_keep_a_store_from_opening(
    opened: Opens, path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reserve lends what SQLite needs beside the file; SQLite says so in two ways."""
    opened().close()
    real = sqlite_connect.connect

    def full(*given: Any, **more: Any) -> sqlite3.Connection:
        if reserve.of(path).stat().st_size == 100_000:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
            raise error
        return real(*given, **more)

    monkeypatch.setattr(sqlite, "connect", full)
    reserve.of(path).write_bytes(bytes(100_000))
    store = opened()
    store.write([call(1)])
    assert reserve.of(path).stat().st_size < 100_000
    store.close()
    reserve.of(path).write_bytes(bytes(100_000))
    monkeypatch.setattr(reserve, "lend", lambda _path: False)
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        opened()


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
    opened: Opens,
    path: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
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
    assert f"{path} was taken away" in caplog.text


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


def test_what_went_to_a_file_that_is_gone_is_not_stored(
    opened: Opens, path: Path, call: Call
) -> None:
    store = opened()
    store.write([call(1)])
    path.unlink()
    with pytest.raises(StoreUnavailable, match="taken away"):
        store.write([call(2)])
    store.write([call(2)])
    assert [one.id for one in store.exchanges("run_a")] == [call(2).exchange.id]
    assert store.verify() == []


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
