import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from proxy.core.recording import dump
from proxy.stores import open_store
from proxy.stores._api import AddGap, Gap
from tests.cli.conftest import URL, Dashcam, Fill
from tests.cli.samples import START, support_run


def test_all_well(dashcam: Dashcam, fill: Fill) -> None:
    fill(support_run())
    done = dashcam("verify")
    assert (done.code, done.out) == (0, "all well: recordings/dashcam.db\n")
    said = json.loads(dashcam("verify", "--json").out)
    assert (said["ok"], said["problems"], said["gaps"], said["purges"]) == (True, [], [], [])
    assert said["chain"]["records"] > 5


def test_what_is_not_there_is_said(dashcam: Dashcam, fill: Fill) -> None:
    fill(support_run(), support_run("run_b", at=START + 60))
    store = open_store(URL)
    store.write([AddGap(Gap(START, START + 2.5, 3, "the disk is full"))])
    store.delete_run("run_b", reason="retention")
    store.close()
    done = dashcam("verify")
    assert done.code == 0
    assert "gap: 3 calls not stored, 2026-02-" in done.err
    assert "the disk is full" in done.err
    assert "1 run purged" in done.err
    said = json.loads(dashcam("verify", "--json").out)
    assert [gap["calls"] for gap in said["gaps"]] == [3]
    assert [purge["reason"] for purge in said["purges"]] == ["retention"]


@pytest.fixture
def kept(dashcam: Dashcam, fill: Fill) -> str:
    """A file of checkpoints."""
    fill(support_run())
    assert dashcam("checkpoint", "--to", "away/checkpoints").code == 0
    fill(support_run("run_b", at=START + 60))
    assert dashcam("checkpoint", "--to", "away/checkpoints").code == 0
    return "away/checkpoints"


def test_against_checkpoints(dashcam: Dashcam, kept: str) -> None:
    done = dashcam("verify", "--checkpoint", kept)
    assert (done.code, done.out) == (
        0,
        "all well: recordings/dashcam.db, and as 2 checkpoints said\n",
    )
    with closing(sqlite3.connect("recordings/dashcam.db")) as connection, connection:
        connection.execute("UPDATE agent_events SET status = 'ok' WHERE status = 'error'")
    assert "is not what was stored" in dashcam("verify", "--checkpoint", kept).out


def test_a_tail_that_was_cut(dashcam: Dashcam, kept: str, fill: Fill) -> None:
    dashcam("backup", "older.db")
    fill(support_run("run_c", at=START + 90))
    dashcam("checkpoint", "--to", kept)
    done = dashcam("verify", "--checkpoint", kept, "--store", "sqlite:///older.db")
    assert done.code == 1
    assert "its tail was cut, or an older copy" in done.out
    assert dashcam("verify", "--store", "sqlite:///older.db").code == 0


def test_only_keys_that_are_known_count(
    dashcam: Dashcam, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = dashcam("checkpoint", "--key").out.strip()
    monkeypatch.setenv("DASHCAM_HOME", str(Path("auditor").absolute()))
    done = dashcam("verify", "--checkpoint", kept)
    assert done.code == 1
    assert f"--key {key} if you know it" in done.out
    assert dashcam("verify", "--checkpoint", kept, "--key", key).code == 0
    # another key signs the same: it is not the one that is known
    assert dashcam("checkpoint", "--to", "forged").code == 0
    assert dashcam("verify", "--checkpoint", "forged", "--key", key).code == 1
    assert dashcam("verify", "--checkpoint", "forged").code == 0
    forged = Path("forged").read_text().replace("2026-", "2025-")
    Path("forged").write_text(forged)
    assert "is not signed by its key" in dashcam("verify", "--checkpoint", "forged").out


def test_checkpoints_from_elsewhere(
    dashcam: Dashcam, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("<85>dashcam[4]: " + Path(kept).read_text()))
    assert dashcam("verify", "--checkpoint", "-").code == 0
    Path("empty").write_text("")
    done = dashcam("verify", "--checkpoint", "empty")
    assert (done.code, done.err.splitlines()[0]) == (1, "dashcam: empty: holds no checkpoint")
    assert dashcam("verify", "--checkpoint", kept, "a.dashcam.jsonl").code == 2


def test_what_somebody_changed_is_found(dashcam: Dashcam, fill: Fill) -> None:
    fill(support_run())
    with closing(sqlite3.connect("recordings/dashcam.db")) as connection, connection:
        connection.execute("UPDATE agent_events SET parent_event_id = 999 WHERE kind = 'http'")
    done = dashcam("verify")
    assert done.code == 1
    assert "event 7: " in done.out
    found = json.loads(dashcam("verify", "--json").out)
    assert found["ok"] is False
    assert set(found["problems"][0]) == {"where", "what"}


@pytest.mark.parametrize("damage", [False, True])
def test_recordings(dashcam: Dashcam, damage: bool) -> None:
    data = b"".join(dump(support_run()))
    Path("a.dashcam.jsonl").write_bytes(data.replace(b"gpt-4o", b"gpt-5o", damage))
    done = dashcam("verify", "a.dashcam.jsonl")
    assert done.code == damage
    assert done.out.startswith("a.dashcam.jsonl: " if damage else "all well: a.dashcam.jsonl")


def test_nothing_to_verify(dashcam: Dashcam) -> None:
    done = dashcam("verify")
    assert done.code == 1
    assert "no recordings yet" in done.err
