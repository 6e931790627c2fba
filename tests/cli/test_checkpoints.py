# ruff: noqa: ASYNC240 - a test may wait for its own files
import asyncio
import logging
import os
from pathlib import Path

import pytest

from proxy.cli._checkpoints import Keeper, checkpoint_of, put
from proxy.config import Settings, load
from proxy.core import chain
from proxy.core.model import Run
from proxy.stores import open_store, signing
from proxy.stores._api import OpenRun, Store
from tests.cli.conftest import URL


def run(store: Store, name: str) -> None:
    store.write([OpenRun(Run(name, "agent", name, 1.0))])


def settings(to: str | None, every: float = 300) -> Settings:
    return load({"store": URL, "checkpoints": to, "checkpoint_every": every})


async def test_one_for_what_is_new_and_one_at_the_end() -> None:
    store, away = open_store(URL), Path("away/kept")
    keeper = Keeper(settings(str(away), 0.001))
    before = os.umask(0)
    run(store, "a")
    keeper.start(store)
    async with asyncio.timeout(20):
        while not away.exists() or not away.read_text().endswith("\n"):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    os.umask(before)
    assert (away.parent.stat().st_mode & 0o777, away.stat().st_mode & 0o777) == (0o700, 0o600)
    keeper.stop()
    run(store, "b")
    store.close()
    keeper.last()
    first, last = chain.parse(away.read_text())
    assert first.size < last.size
    assert signing.is_signed(first)
    assert signing.is_signed(last)
    keeper.last()  # nothing is new
    assert len(chain.parse(away.read_text())) == 2
    with_all = open_store(URL, create=False)
    assert with_all.verify([first, last]) == []
    with_all.close()


async def test_none_where_none_is_asked_for() -> None:
    store = open_store(URL)
    run(store, "a")
    keeper = Keeper(settings(None))
    keeper.start(store)
    store.close()
    keeper.stop()
    keeper.last()
    assert not Path("home").exists()


async def test_what_cannot_be_written_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    store = open_store(URL)
    run(store, "a")
    Path("file").touch()
    keeper = Keeper(settings("file/below"))
    keeper.start(store)
    store.close()
    with caplog.at_level(logging.WARNING):
        keeper.last()
    keeper.stop()
    assert "no checkpoint was written to file/below" in caplog.text


def test_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    store = open_store(URL)
    run(store, "a")
    put(checkpoint_of(store), "-")
    store.close()
    (said,) = chain.parse(capsys.readouterr().out)
    assert said.size == 1
