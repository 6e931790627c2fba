"""A folder of its own for each test, and the command line called in this process."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from proxy.cli import execute
from proxy.cli._restore import restore
from proxy.core.model import Snapshot
from proxy.stores import open_store

URL = "sqlite:///recordings/dashcam.db"


class Done(NamedTuple):
    """What a command line came to."""

    code: int
    out: str
    err: str


type Dashcam = Callable[..., Done]
type Fill = Callable[..., None]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with a clean environment and UTC as local time."""
    for name in list(os.environ):
        if name.startswith("DASHCAM_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DASHCAM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield tmp_path
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def dashcam(capsys: pytest.CaptureFixture[str]) -> Dashcam:
    """Calls the command line: `dashcam("show", "last").out`."""

    def call(*args: str) -> Done:
        capsys.readouterr()
        code = execute(list(args))
        return Done(code, *capsys.readouterr())

    return call


@pytest.fixture
def fill(folder: Path) -> Fill:
    """Puts runs into the store of the folder."""

    def put(*snapshots: Snapshot) -> None:
        (folder / "recordings").mkdir(exist_ok=True)
        store = open_store(URL)
        try:
            for snapshot in snapshots:
                restore(store, snapshot)
        finally:
            store.close()

    return put
