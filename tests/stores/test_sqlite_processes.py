# ruff: noqa: S311, T201 - the same data each time, not secrets; what was counted is shown
"""Several processes on one store: killed while they write, slow to read, deleting, at once."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from proxy.core.model import Body, Run
from proxy.stores._api import AddExchange, OpenRun
from proxy.stores.sqlite import SqliteStore
from tests.budget import within

type Opens = Callable[..., SqliteStore]
type Call = Callable[..., AddExchange]

ROOT = Path(__file__).parents[2]


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
        os.close(reading)  # so that nobody is written to, and it ends, when its parent does
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
