# ruff: noqa: S311, T201 - the same samples each time; what was counted is shown
"""Secrets planted in traffic, and every byte that Dashcam then leaves on the disk.

They go the way of all traffic: through the engine, the writer and the store. What lies in the
folder afterwards is read byte by byte: database, write-ahead log, backup, search index, exports in
every format, and what was logged. `DASHCAM_SECRETS` says how many are planted in every format and
place (formats take turns in the places when it is 0), see tests/budget.py for how long.
"""

import asyncio
import contextlib
import io
import itertools
import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from proxy import runtime as composition
from proxy.config import load
from proxy.core.model import Exchange, RequestHead
from proxy.core.wire.mcp import STDIO
from proxy.exporters import EXPORTERS
from proxy.stores import open_store
from proxy.stores._api import RunQuery, Store
from tests.budget import within
from tests.conformance.planting import Wanted
from tests.core.redaction.lookalikes import LOOKALIKES, exchanges
from tests.core.redaction.matrix import PLACES, SAMPLES, SHAPELESS, everything, exchange

EACH = int(os.environ.get("DASHCAM_SECRETS", "0"))
BENIGN = int(os.environ.get("DASHCAM_LOOKALIKES", "2"))
FORMATS = {**SAMPLES, **SHAPELESS}
LINE = ("auth header", "custom header", "error page")  # places that hold no line break
AT_ONCE = 66  # secrets to a store
log = logging.getLogger("proxy.tests")


def _stdio(secret: str) -> Exchange:
    """A message to a stdio MCP server, whose answer repeats the key."""
    call = {"name": "login", "arguments": {"user": "a", "api_key": secret}}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    text = json.dumps({"error": f"the key {secret} is not valid"})
    said = {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": text}]}}
    head = RequestHead("POST", STDIO, "crm", 0, "/", "stdio")
    return exchange(head, json.dumps(asked).encode(), answer=json.dumps(said).encode())


def _label(secret: str) -> Exchange:
    """What the client says of itself."""
    planted = exchange()
    step = f"login api_key={secret.split(maxsplit=1)[0]}"
    return replace(planted, own=replace(planted.own, step=step, meta={"api_key": secret}))


EVERYWHERE = {**PLACES, "mcp stdio": _stdio, "own headers": _label}


def planted() -> Iterator[tuple[str, str]]:
    """Formats and places: all of them EACH times, or each format once with places in turn."""
    if EACH:
        for _ in range(EACH):
            yield from itertools.product(FORMATS, EVERYWHERE)
    else:
        yield from zip(FORMATS, itertools.cycle(EVERYWHERE), strict=False)


async def record(folder: Path, batch: Sequence[tuple[str, str]], seed: str) -> list[str]:
    """Sends the batch through an engine; the secrets. The log must be clean while it is in use."""
    random = Random(seed)
    url = f"sqlite:///{folder / 'dashcam.db'}"
    settings = load({"store": url, "home": folder / "home"}, {})
    runtime = await composition.start(settings)
    secrets, waiters = [], []
    try:
        for number, (name, place) in enumerate(batch):
            secret = FORMATS[name](random)
            if place in LINE:
                secret = secret.replace("\n", " ")
            secrets.append(secret)
            run = f"run-{number % 7}"
            one = replace(EVERYWHERE[place](secret), id=f"x{number}", run_id=run)
            waiters.append(runtime.engine.add(one))
            if name in SAMPLES:  # what has a shape
                log.error("the upstream said %s", secret)
                log.error("a call failed", exc_info=ValueError(f"cannot read {secret!r}"))
        for waiter in waiters:
            await runtime.engine.settled(waiter)
        await runtime.engine.writer.write()  # which comes after them, however long they take
        assert runtime.engine.writer.counters.gaps == 0
        wal = (folder / "dashcam.db-wal").read_bytes()
        assert len(wal) > 4096, "there is no log to look at"
        assert Wanted(secrets).found(wal) == []
    finally:
        await runtime.stop()
    return secrets


def leave_everything(store: Store, folder: Path) -> Iterator[bytes]:
    """Makes Dashcam write all that it can write; gives what is compressed as it reads."""
    store.runs(RunQuery(search="key"))  # makes the index
    store.backup(folder / "backup.db")
    for row in store.runs(RunQuery()):
        snapshot = store.snapshot(row.run.id)
        yield repr(snapshot.events).encode()
        for one in snapshot.exchanges:
            yield from everything(one)
        for name, exporter in EXPORTERS.items():
            with (folder / f"{row.run.id}.{name}").open("wb") as file:
                file.writelines(exporter.export(snapshot))


def test_no_planted_secret_is_in_any_byte(tmp_path: Path) -> None:
    count = seen = 0
    for batch in within(itertools.batched(planted(), AT_ONCE, strict=False)):
        folder = tmp_path / f"store-{count}"
        folder.mkdir()
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            secrets = asyncio.run(record(folder, batch, f"seed {count}"))
        wanted = Wanted(secrets)
        with contextlib.closing(open_store(f"sqlite:///{folder / 'dashcam.db'}")) as store:
            for text in leave_everything(store, folder):
                assert wanted.found(text) == []
            assert store.verify() == []
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert len(files) > 7 * len(EXPORTERS), "too little was written"
        for path in files:
            data = path.read_bytes()
            seen += len(data)
            assert wanted.found(data) == [], path.name
        assert ("a call failed" in said.getvalue()) == any(name in SAMPLES for name, _ in batch)
        assert wanted.found(said.getvalue().encode()) == []
        count += len(secrets)
    assert count
    where = f"{len(FORMATS)} formats in {len(EVERYWHERE)} places"
    print(f"\n# {count} secrets, {where}, 0 found in {seen >> 20} MB")


@pytest.mark.parametrize("name", ["openai-project", "password"])
def test_the_search_finds_what_is_there(name: str) -> None:
    secret = FORMATS[name](Random(1))
    wanted = Wanted([secret])
    for number, (place, plant) in enumerate(EVERYWHERE.items()):
        if place != "gzip":
            text = repr(plant(secret)).encode() + b"".join(everything(plant(secret)))
            assert wanted.found(b"." * number + text) == [secret], place
    assert wanted.found(secret[:-1].encode() * 2 if len(secret) < 40 else b"." * 99) == []


def test_what_only_looks_like_a_secret_comes_through(tmp_path: Path) -> None:
    """All of them through one store, which has learned what it has learned."""
    random = Random("benign")
    url = f"sqlite:///{tmp_path / 'dashcam.db'}"

    async def through() -> int:
        runtime = await composition.start(load({"store": url, "home": tmp_path}, {}))
        count, waiters, sent = 0, [], {}
        for _, name in within(itertools.product(range(BENIGN), LOOKALIKES)):
            for number, benign in enumerate(exchanges(LOOKALIKES[name](random))):
                one = replace(benign, id=f"x{count}-{number}", run_id="benign")
                sent[one.id] = one
                waiters.append(runtime.engine.add(one))
            count += 1
        for waiter in waiters:
            await runtime.engine.settled(waiter)
        await runtime.engine.writer.write()  # which comes after them, however long they take
        for stored in runtime.store.exchanges("benign"):
            before = sent.pop(stored.id)
            assert stored.request == before.request
            assert stored.request_body == before.request_body
            assert stored.response_body == before.response_body
        assert not sent
        await runtime.stop()
        return count

    print(f"\n# {asyncio.run(through())} look-alikes, 0 changed")
