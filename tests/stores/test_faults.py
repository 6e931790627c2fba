# ruff: noqa: S311, T201 - the same data each time, not secrets; what was counted is shown
"""The store under power cuts and failing file operations.

With DASHCAM_GAUNTLET set, as often as it takes to publish the numbers.
"""

import _sqlite3
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import batched
from pathlib import Path

import pytest

from proxy.core.model import Body, Own
from proxy.errors import StoreError, StoreUnavailable
from proxy.stores import reserve, sqlite
from proxy.stores._api import AddExchange, AddGap, Gap
from proxy.stores.sqlite import SqliteStore
from tests.budget import within
from tests.stores import faulty_vfs
from tests.stores.faulty_vfs import Disk, Faulty, Op

type Call = Callable[..., AddExchange]

GAUNTLET = bool(os.environ.get("DASHCAM_GAUNTLET"))
CUTS = 10_000 if GAUNTLET else 20  # of each mode
EACH = 1 if GAUNTLET else 41  # of how many operations one is made to fail
UNLINKED = """
SELECT count(*) FROM exchanges x WHERE NOT EXISTS (SELECT 1 FROM chain c WHERE c.ref = x.event_id)
"""
ROUND = 250  # cuts in a pass over what was done
CLOSELY = 25  # one of so many is looked at in every detail

pytestmark = pytest.mark.skipif(
    not hasattr(_sqlite3, "__file__"),
    reason="this Python has SQLite built in, and nothing can be put between it and the files",
)


@pytest.fixture(autouse=True)
def small_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints in the middle of what is written."""
    monkeypatch.setattr(sqlite, "_CHECKPOINT", 150_000)


def opened(path: Path, durability: str = "durable") -> SqliteStore:
    return SqliteStore(f"sqlite:///{path}", path, create=True, durability=durability)


def workload(call: Call, count: int) -> list[list[AddExchange]]:
    """Batches of some size."""
    noise = random.Random(5)
    return [
        [
            call(
                3 * number + n,
                f"run_{number % 3}",
                request_body=Body(noise.randbytes(3000)),
                own=Own(group="g"),
            )
            for n in range(1 + number % 3)
        ]
        for number in range(count)
    ]


@pytest.mark.parametrize("durability", ["durable", "fast"])
def test_power_cuts(tmp_path: Path, call: Call, durability: str) -> None:
    """What was said to be stored is there, and the file is whole, wherever the power is cut."""
    ops, path = recorded(tmp_path, call, durability)
    stored = [number for number, op in enumerate(ops) if op.kind == "stored"]
    rng = random.Random(durability)
    lost = cuts = 0
    place = tmp_path / "cut"
    for end, disk in within(moments(ops, stored[0], rng)):
        kept = rng.choice([0.0, 0.0, 0.5, 0.9, 1.0])
        place.mkdir()
        faulty_vfs.lay_out(disk.after_a_cut(lambda kept=kept: rng.random() < kept), place)  # type: ignore[misc]
        found = left_in(place / path.name, closely=cuts % CLOSELY == 0, after=call(9999))
        said = {name for op in ops[:end] if op.kind == "stored" for name in names_in(op)}
        lost += len(said - found)
        assert durability == "fast" or said <= found, (cuts, end, kept)
        cuts += 1
        shutil.rmtree(place)
    print(f"# {durability}: {cuts} power cuts, {lost} stored calls lost, 0 files damaged")
    assert (lost > 0) == (durability == "fast")  # the test can see a loss


def moments(ops: list[Op], first: int, rng: random.Random) -> Iterator[tuple[int, Disk]]:
    """CUTS random ends of the operations, and the disk at each; a few at a time in their order."""
    for some in batched(range(CUTS), ROUND, strict=False):
        disk, done = Disk(), 0
        for end in sorted(rng.randrange(first, len(ops) + 1) for _ in some):
            disk.go_on(ops[done:end])
            done = end
            yield end, disk


def left_in(path: Path, *, closely: bool, after: AddExchange) -> set[str]:
    """The exchanges in a file that must be whole, and that must go on."""
    if closely:
        store = opened(path)
        try:
            store.write([after])
            assert store.verify() == []
        finally:
            store.close()
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        if file.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,):
            return set()  # all of it was still on its way
        assert file.execute(UNLINKED).fetchone() == (0,)
        return {row[0] for row in file.execute("SELECT id FROM exchanges")}


def names_in(op: Op) -> list[str]:
    return op.data.decode().split()


def recorded(tmp_path: Path, call: Call, durability: str) -> tuple[list[Op], Path]:
    """A workload as a list of what it did to its files, with marks where it was told `stored`."""
    path = tmp_path / "store" / "dashcam.db"
    with faulty_vfs.installed() as files:
        store = opened(path, durability)
        for number, batch in enumerate(workload(call, 20)):
            store.write(batch)
            told = " ".join(write.exchange.id for write in batch).encode()
            files.ops.append(Op("stored", data=told))
            if number == 14:
                store.checkpoint()
        ops = list(files.ops)
        store.close()
    return ops, path


@pytest.mark.parametrize(
    ("length", "full", "new"),
    [(1, False, False), (1, True, True), (4, True, False)],
    ids=["an I/O error", "a full disk while the store is made", "a full disk for a while"],
)
def test_each_operation_may_fail(
    tmp_path: Path, call: Call, length: int, *, full: bool, new: bool
) -> None:
    """An error is said and nothing is lost; the next try finds a store that works."""
    batches = workload(call, 5)
    made = tmp_path / "made"
    if new:
        made.mkdir()
    else:
        opened(made / "dashcam.db").close()
    with faulty_vfs.installed() as files:
        shutil.copytree(made, tmp_path / "sound")
        total = run_with(files, tmp_path / "sound", batches)[0]
        assert total > 50
        tried = failures = 0
        places = range(1 + length % EACH, total + 1, EACH)
        # in no order, so that those that there is time for are from everywhere
        for first in within(random.Random(length).sample(places, len(places))):
            folder = tmp_path / f"at{first}"
            shutil.copytree(made, folder)
            files.decide = failing(first, length, full=full)
            tried += 1
            _, errors, acknowledged = run_with(files, folder, batches)
            failures += errors > 0
            files.decide = lambda _, __: faulty_vfs.OK
            closely = tried % CLOSELY == 1
            assert acknowledged <= left_in(folder / "dashcam.db", closely=closely, after=call(9999))
            shutil.rmtree(folder)
    of = f" of {len(places)}" if tried < len(places) else ""
    print(f"# {tried}{of} operations failed, {failures} were said, 0 calls lost, 0 files damaged")
    assert failures > tried // 3


def failing(first: int, length: int, *, full: bool) -> Callable[[int, str], int]:
    def decide(number: int, kind: str) -> int:
        if not first <= number < first + length:
            return faulty_vfs.OK
        return faulty_vfs.FULL if full and kind == "write" else faulty_vfs.CODES[kind]

    return decide


def run_with(
    files: Faulty, folder: Path, batches: list[list[AddExchange]]
) -> tuple[int, int, set[str]]:
    """How many operations it took, how many errors were said, and what was stored."""
    files.count = errors = 0
    files.ops.clear()
    acknowledged: set[str] = set()
    store: SqliteStore | None = None
    for batch in batches:
        for attempt in range(12):
            try:
                if store is None:
                    store = opened(folder / "dashcam.db")
                store.write(batch)
            except StoreUnavailable:
                errors += 1
                assert attempt < 10
            else:
                acknowledged |= {write.exchange.id for write in batch}
                break
    assert store is not None
    for _ in range(6):
        try:
            store.checkpoint()
            break
        except StoreError:
            errors += 1
    store.close()
    return files.count, errors, acknowledged


def test_a_full_disk_can_be_cleaned_up(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept for it is given up for a deletion, and for nothing else."""
    monkeypatch.setattr(reserve, "LEAST", 64 * 1024)
    path = tmp_path / "store" / "dashcam.db"
    with faulty_vfs.installed() as files:
        store = opened(path)
        try:
            for batch in workload(call, 40):
                store.write(batch)
            kept = reserve.of(path)  # made where the log is copied into the file
            assert kept.stat().st_blocks * 512 >= path.stat().st_size // 20
            files.decide = lambda _, kind: (
                faulty_vfs.FULL if kind == "write" and kept.exists() else faulty_vfs.OK
            )
            with pytest.raises(StoreUnavailable, match="the disk is full"):
                store.write([call(9999)])
            with pytest.raises(StoreUnavailable, match="the disk is full"):
                store.write([AddGap(Gap(1.0, 2.0, 7, "the disk is full"))])
            assert kept.exists()
            before = path.stat().st_size
            assert store.gc(max_bytes=before // 2) == ["run_1", "run_2"]
            assert path.stat().st_size <= before // 2
            assert kept.exists()  # made again
            files.decide = lambda _, __: faulty_vfs.OK
            store.write([call(9999), AddGap(Gap(1.0, 2.0, 7, "the disk is full"))])
            assert store.verify() == []
            assert [gap.calls for gap in store.gaps()] == [7]
        finally:
            files.decide = lambda _, __: faulty_vfs.OK
            store.close()
