"""A folder of its own for each test, and the command line called in this process."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from proxy.cli import execute
from proxy.cli._restore import restore
from proxy.core.model import Snapshot
from proxy.stores import open_store
from tests.cli.agents import Agent
from tests.upstream.certificates import Certificates
from tests.upstream.server import Upstream

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


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def upstream(certificates: Certificates) -> Iterator[Upstream]:
    with Upstream(certificates) as running:
        yield running


class Recorded(NamedTuple):
    """What an agent did as run r1, for all tests of a file, which must not stop the upstream."""

    agent: Agent
    upstream: Upstream
    folder: Path
    calls: int

    def into(self, folder: Path) -> None:
        """Makes `folder` and the upstream what they were after the run."""
        shutil.copytree(self.folder / "recordings", folder / "recordings")
        self.upstream.world.back_to(self.calls)


@contextlib.contextmanager
def recorded(certificates: Certificates, folder: Path, *words: str) -> Iterator[Recorded]:
    """Runs an agent in `folder`."""
    with Upstream(certificates) as upstream, pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("DASHCAM_"):
                patch.delenv(name)
        patch.setenv("DASHCAM_HOME", str(folder / "home"))
        patch.chdir(folder)
        agent = Agent(upstream.http)
        assert execute(["run", "--id", "r1", "--", *agent(*words)]) == 0
        patch.undo()
        yield Recorded(agent, upstream, folder, len(upstream.world.seen))
