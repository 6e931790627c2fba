import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.stores import open_store
from tests.cli.conftest import URL, Dashcam, Fill
from tests.cli.samples import START, support_run


@pytest.fixture(autouse=True)
def stored(fill: Fill) -> None:
    fill(support_run(), support_run("run_b", at=START + 60))


def test_the_copy_is_a_store(dashcam: Dashcam) -> None:
    done = dashcam("backup", "away/copy.db")
    assert done.code == 0
    assert done.err.startswith("wrote away/copy.db (")
    path = Path("away/copy.db")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["copy.db"]
    copied = dashcam("show", "run_a", "--json", "--store", "sqlite:///away/copy.db")
    assert copied.out == dashcam("show", "run_a", "--json").out
    assert dashcam("verify", "--store", "sqlite:///away/copy.db").code == 0


def test_while_somebody_writes(dashcam: Dashcam) -> None:
    store = open_store(URL)
    try:
        done = dashcam("backup", "copy.db", "--json")
    finally:
        store.close()
    assert done.code == 0
    assert json.loads(done.out) == {"file": "copy.db", "bytes": Path("copy.db").stat().st_size}


def test_nothing_is_overwritten_unless_forced(dashcam: Dashcam) -> None:
    Path("copy.db").write_text("mine")
    done = dashcam("backup", "copy.db")
    assert done.code == 2
    assert done.err == "dashcam: copy.db is there already\n--force overwrites it\n"
    assert Path("copy.db").read_text() == "mine"
    assert dashcam("backup", "copy.db", "--force").code == 0
    assert dashcam("runs", "--store", "sqlite:///copy.db").out.count("run_") == 2


TOLD_TO_STOP = """
import os, signal
from proxy.cli import main
from proxy.stores.sqlite import SqliteStore

copied = SqliteStore.backup
def backup(self, path):
    copied(self, path)
    os.kill(os.getpid(), signal.SIGTERM)
SqliteStore.backup = backup
main(["backup", "away/copy.db"])
"""


def test_told_to_stop_it_leaves_nothing_behind() -> None:
    done = subprocess.run([sys.executable, "-c", TOLD_TO_STOP], check=False)
    assert done.returncode == 128 + 15
    assert list(Path("away").iterdir()) == []
