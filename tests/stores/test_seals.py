"""What a sealed store says without its key, and with it."""

import base64
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from proxy.core.model import (
    End,
    Event,
    Run,
)
from proxy.engine.understand import event_of
from proxy.errors import ConfigError
from proxy.stores import age, open_store
from proxy.stores._api import AddEvent, AddExchange, OpenRun, RunQuery, Sealed
from proxy.stores.blob_reader import BLOB, Blob, BlobReader
from proxy.stores.seals import Forged, Locked, RunSeal
from proxy.stores.sqlite import SqliteStore
from proxy.stores.vault import new_key
from tests.stores.marked import PLACES, START, chat, marker, recorded


def forms(text: str) -> Iterator[bytes]:
    raw = text.encode()
    yield from (raw, raw.hex().encode(), json.dumps(text)[1:-1].encode(), raw.lower())
    for before in range(3):
        found = base64.b64encode(bytes(before) + raw)
        yield found[4 if before else 0 : -4]


def found_in(folder: Path) -> set[str]:
    """The places whose words are in any file, in whatever form, or behind their compression."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    data = b"\n".join([path.read_bytes() for path in files])
    for path in files:
        if path.suffix == ".db":
            data += b"\n".join(unpacked(path))
    # FTS keeps words apart, and cut off where the one before begins alike
    words = re.sub(rb"[^a-z0-9]", b"", data.lower())
    return {
        place
        for place in PLACES
        if any(form in data for form in forms(marker(place)))
        or marker(place).rpartition("-")[2].lower().encode() in words
    }


def unpacked(path: Path) -> Iterator[bytes]:
    """What can be read of a store's blobs without any key."""
    with closing(sqlite3.connect(path)) as connection:
        reader = BlobReader(connection)
        for row in connection.execute(f"SELECT {BLOB} FROM blobs").fetchall():  # noqa: S608 - a constant
            with suppress(Locked):
                yield from reader.read(Blob(*row))


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("KEY", new_key())
    monkeypatch.setenv("OTHER", new_key())
    return "env:KEY"


type Opens = Callable[..., SqliteStore]


@pytest.mark.parametrize("sealed", [False, True])
def test_markers_are_in_files_only_without_seal(
    sealed: bool, opened: Opens, path: Path, key: str
) -> None:
    store = opened(vault=key, seal=sealed)
    store.write(recorded("run_a"))
    log = found_in(path.parent)
    store.runs(RunQuery(search="quokka"))
    store.backup(path.with_name("copy.db"))
    store.delete_run("run_a")
    store.write(recorded("run_b"))
    store.checkpoint()
    both = found_in(path.parent)
    assert log == both == (set() if sealed else set(PLACES))


def test_all_of_it_comes_back(opened: Opens, path: Path, key: str) -> None:
    plain = open_store(f"sqlite:///{path.with_name('plain.db')}")
    store = opened(vault=key, seal=True)
    for one in (plain, store):
        one.write(recorded("run_a"))
    again = opened(vault=key)
    assert again.snapshot("run_a") == plain.snapshot("run_a")
    assert [*again.exchanges("run_a")] == [*plain.exchanges("run_a")]
    assert again.changes(0) == plain.changes(0)
    assert again.runs(RunQuery()) == plain.runs(RunQuery())
    assert again.verify() == []
    assert again.sealed() == Sealed(1, 0)
    plain.close()


NO_KEY = "and no key was given"
WRONG = "with another key than the given one"


@pytest.mark.parametrize(
    ("vault", "said", "hint"),
    [
        (None, NO_KEY, "give the key with --vault"),
        ("env:OTHER", WRONG, "give that one with --vault"),
        ("env:NOWHERE", "the variable NOWHERE holds no vault key", "give its key with --vault"),
        ("/nowhere/vault.key", "cannot be read", "give its key with --vault"),
    ],
)
def test_without_the_key_the_skeleton_is_there(
    vault: str | None, said: str, hint: str, opened: Opens, key: str
) -> None:
    opened(vault=key, seal=True).write(recorded("run_a"))
    store = opened(vault=vault)
    (row,) = store.runs(RunQuery(label="Bot"))
    assert (row.run.metadata, row.run.failure_mode, row.calls) == ({"team": "red"}, "Bad Output", 6)
    assert (row.reason, store.sealed()) == ("(sealed)", Sealed(1, 1))
    outcome = store.outcomes("run_a")[0]
    assert (outcome.status, outcome.user_impact) == ("Failed", "(sealed)")
    first = next(event for event in store.events("run_a") if event.data.get("seq") == 1)
    assert (first.kind, first.status, first.data["sealed"]) == ("llm_call", "ok", True)
    assert first.data["url"] == "https://api.openai.com/v1/chat/completions"
    call = first.data["call"]
    assert (call["model"], call["inputTokens"], call["tools"]) == ("gpt-4o", 11, ["look_up"])
    assert call["costUsd"] > 0
    for read in (
        lambda: store.exchange("ex_run_a_1"),
        lambda: list(store.exchanges("run_a")),
        lambda: store.snapshot("run_a"),
    ):
        with pytest.raises(Locked, match=said) as error:
            read()
        assert hint in (error.value.hint or "")
    assert store.verify() == []
    store.delete_run("run_a")
    assert (store.sealed(), store.verify(), len(store.purges())) == (Sealed(), [], 1)


def test_an_age_recipient_seals_and_only_the_identity_opens(opened: Opens, tmp_path: Path) -> None:
    identity, recipient = age_pair()
    file = tmp_path / "identity.txt"
    file.write_text(identity)
    for name in ("run_a", "run_b"):  # two processes: neither opens the other's
        store = opened(vault=recipient, seal=True)
        store.write(recorded(name))
        store.exchange(f"ex_{name}_1")
        store.write(
            [AddEvent(Event("run_a", "group", "plan", START, data={"path": "plan", name: 1}))]
        )
    store = opened(vault=recipient)
    with pytest.raises(Locked, match="who alone can open it"):
        store.exchange("ex_run_a_1")
    assert store.sealed() == Sealed(2, 2)
    holder = opened(vault=str(file))
    assert len(list(holder.exchanges("run_a"))) == len(list(holder.exchanges("run_b"))) == 5
    group = next(e for e in holder.events("run_a") if e.data.get("path") == "plan")
    assert (group.data["run_a"], group.data["run_b"], group.data["more"]) == (1, 1, 1)
    assert (holder.verify(), holder.sealed()) == ([], Sealed(2, 0))


def age_pair() -> tuple[str, str]:
    identity = age.encode(bytes(range(32)), age.IDENTITY).upper()
    return identity, age.recipient_of(identity)


SHARED = """
SELECT count(*) FROM uses JOIN blobs ON piece >= blobs.id AND piece < blobs.id + count
WHERE uses.run <> blobs.run AND substr(digest, 1, 1) = x'02'
"""


def test_sealed_and_not_sealed_runs_in_one_store(opened: Opens, path: Path, key: str) -> None:
    opened().write(recorded("run_plain"))
    opened(vault=key, seal=True).write(recorded("run_a"))
    opened(vault="env:OTHER", seal=True).write(recorded("run_b"))
    opened().write(recorded("run_late"))
    store = opened(vault=key)
    for run_id in ("run_plain", "run_a", "run_late"):
        assert len(list(store.exchanges(run_id))) == 5
    with pytest.raises(Locked, match=WRONG):
        store.exchange("ex_run_b_1")
    assert (store.sealed(), store.verify()) == (Sealed(2, 1), [])
    found = store.runs(RunQuery(search="quokka*"))
    assert {row.run.id for row in found} <= {"run_plain", "run_late"}
    with closing(sqlite3.connect(path)) as connection:
        shared = connection.execute(SHARED).fetchone()
    assert shared == (0,)
    for run_id in ("run_a", "run_late", "run_b"):
        store.delete_run(run_id)
    assert (store.verify(), len(list(store.exchanges("run_plain")))) == ([], 5)


def test_a_sealed_run_stays_sealed_and_so_does_what_is_made_of_it(
    opened: Opens, path: Path, key: str
) -> None:
    opened(vault=key, seal=True).write(recorded("run_a")[:2])
    child = [OpenRun(Run("run_b", "Bot", "", START, metadata={"parent": "run_a"}))]
    store = opened(vault=key)  # which seals nothing of its own
    store.write([*recorded("run_a")[2:], *child, *recorded("run_b")[1:]])
    assert (found_in(path.parent), store.sealed()) == (set(), Sealed(2, 0))
    for run_id, values in (
        ("run_d", {"served_from": "ex_run_a_1"}),
        ("run_e", {"end": End.MISSED}),
    ):
        exchange = replace(chat(run_id, 1, []), **values)
        call = AddExchange(exchange, event_of(exchange))
        store.write([OpenRun(Run(run_id, "Bot", "", START)), call])
    assert (found_in(path.parent), store.sealed()) == (set(), Sealed(4, 0))
    store.write(recorded("run_c"))
    assert found_in(path.parent) == set(PLACES)


TAMPERINGS = {  # statement: found without the key, too
    "UPDATE exchanges SET status = 201 WHERE id = 'ex_run_a_1'": True,
    "UPDATE exchanges SET target = '/v2' WHERE id = 'ex_run_a_1'": True,
    "UPDATE events SET name = 'x' WHERE kind = 'guard'": True,
    "UPDATE events SET data = '{}' WHERE kind = 'guard'": True,
    "UPDATE blobs SET data = data || x'00' WHERE id = 1": True,
    "DELETE FROM blobs WHERE id = 1": True,
    "DELETE FROM seals": True,
    "UPDATE seals SET lock = zeroblob(32)": True,
    "DELETE FROM sealed_runs": True,
    "DROP TABLE sealed_runs": True,
    "CREATE TABLE more (x)": True,
}


@pytest.mark.parametrize("statement", TAMPERINGS)
def test_tampering_is_found(statement: str, opened: Opens, path: Path, key: str) -> None:
    store = opened(vault=key, seal=True)
    store.write(recorded("run_a"))
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)
    assert bool(opened().verify()) is TAMPERINGS[statement]
    assert opened(vault=key).verify()


def test_forged_bytes_are_found_with_the_key(opened: Opens, path: Path, key: str) -> None:
    store = opened(vault=key, seal=True)
    store.write(recorded("run_a"))
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        data, digest = connection.execute("SELECT data, digest FROM blobs WHERE id = 1").fetchone()
        data = data[:-1] + bytes([data[-1] ^ 1])
        made = digest[:17] + sha256(data).digest()[:8]
        connection.execute("UPDATE blobs SET data = ?, digest = ? WHERE id = 1", (data, made))
    assert opened().verify() == []  # as is said of it
    assert any("blob 1" in problem.where for problem in opened(vault=key).verify())


def test_sealing_needs_a_key(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    for vault, said in ((None, "needs a key"), ("env:NOWHERE", "holds no vault key")):
        with pytest.raises(ConfigError, match=said):
            open_store(f"sqlite:///{path}", vault=vault, seal=True)
    assert not path.exists()


def test_what_is_sealed_opens_only_at_its_place_and_in_its_run() -> None:
    seal = RunSeal(b"k" * 16, b"s" * 32, 1)
    sealed = seal.seal(b"text", b"here")
    assert seal.open(sealed, b"here") == b"text"
    assert seal.seal(b"text", b"here") != sealed
    other = RunSeal(b"k" * 16, b"s" * 32, 2)
    assert seal.leaf(b"text") == seal.leaf(b"text") != other.leaf(b"text")
    for bad, place, by in (
        (sealed, b"there", seal),
        (sealed, b"here", other),
        (sealed[:-1] + b"\0", b"here", seal),
        (sealed[:20], b"here", seal),
        (b"", b"here", seal),
    ):
        with pytest.raises(Forged):
            by.open(bad, place)


def test_a_history_that_is_sent_again_is_stored_once(opened: Opens, key: str) -> None:
    said = [{"role": "user", "content": f"{n} " + "word " * 900} for n in range(40)]
    store = opened(vault=key, seal=True)
    for number in range(1, 41):
        exchange = chat("run_a", number, said[:number])
        store.write([AddExchange(exchange, event_of(exchange))])
    with store._reading() as connection:
        (size,) = connection.execute("SELECT sum(length(data)) FROM blobs").fetchone()
    assert size < 60_000  # of 3.7 MB
    assert store.verify() == []
