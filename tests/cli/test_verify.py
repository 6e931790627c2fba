import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from proxy.core.recording import dump
from tests.cli.conftest import Dashcam, Fill
from tests.cli.samples import support_run


def test_all_well(dashcam: Dashcam, fill: Fill) -> None:
    fill(support_run())
    done = dashcam("verify")
    assert (done.code, done.out) == (0, "all well: recordings/dashcam.db\n")
    assert json.loads(dashcam("verify", "--json").out) == {"ok": True, "problems": []}


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
