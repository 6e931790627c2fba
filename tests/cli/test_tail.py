import json
import threading
import time
from pathlib import Path

import pytest

from proxy.cli import tail
from proxy.cli._restore import restore
from proxy.core.model import Snapshot
from proxy.stores import open_store
from proxy.stores._api import AddEvent
from tests.cli.conftest import URL, Dashcam, Fill
from tests.cli.samples import START, support_run


def test_starts_with_the_newest_lines(dashcam: Dashcam, fill: Fill) -> None:
    fill(support_run())
    done = dashcam("tail", "--lines", "2", "--count", "2")
    assert (done.code, done.err) == (0, "")
    assert [line.split()[:4] for line in done.out.splitlines()] == [
        ["09:41:27.000", "run_a", "#5", "GET"],
        ["09:41:28.000", "run_a", "#6", "openai.chat"],
    ]


def test_a_run_is_shown_from_its_beginning(dashcam: Dashcam, fill: Fill) -> None:
    fill(support_run(), support_run("run_b", at=START + 60))
    done = dashcam("tail", "--run", "run_a", "--count", "8", "--json")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert {event["runId"] for event in events} == {"run_a"}
    assert [event["data"].get("seq") for event in events if event["kind"] != "group"] == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]


def waits(monkeypatch: pytest.MonkeyPatch, *then: Snapshot) -> list[float]:
    """Instead of sleeping, another writer adds the next run; after the last, Ctrl-C."""
    left = list(then)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if not left:
            raise KeyboardInterrupt
        store = open_store(URL)
        restore(store, left.pop(0))
        store.close()

    monkeypatch.setattr(time, "sleep", sleep)
    return slept


def test_follows_what_another_writer_stores_until_interrupted(
    dashcam: Dashcam, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(support_run())
    slept = waits(monkeypatch, support_run("run_b", at=START - 60), support_run("run_c"))
    done = dashcam("tail", "--lines", "0", "--json")
    assert done.code == 0
    runs = [json.loads(line)["runId"] for line in done.out.splitlines()]
    assert runs == ["run_b"] * 8 + ["run_c"] * 8
    assert set(slept) == {tail.POLL}


def test_waits_for_the_first_recording(
    dashcam: Dashcam, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(folder.iterdir()) == []
    waits(monkeypatch, support_run())
    done = dashcam("tail", "--count", "8")
    assert done.code == 0
    assert done.err == "waiting for recordings at recordings/dashcam.db\n"
    assert len(done.out.splitlines()) == 8


def test_only_the_run_that_was_asked_for(
    dashcam: Dashcam, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(support_run())
    waits(monkeypatch, support_run("run_b"))
    out = dashcam("tail", "--run", "run_a", "--json").out
    assert {json.loads(line)["runId"] for line in out.splitlines()} == {"run_a"}


def test_works_while_a_writer_holds_the_store_open(dashcam: Dashcam, fill: Fill) -> None:
    fill(support_run())
    store = open_store(URL)
    event = support_run().events[1]

    def write() -> None:
        for number in range(20):
            event.name, event.id, event.parent_event_id = f"state {number}", None, None
            event.kind, event.data = "state", {}
            store.write([AddEvent(event)])

    writer = threading.Thread(target=write)
    writer.start()
    done = dashcam("tail", "--run", "run_a", "--count", "28")
    writer.join()
    store.close()
    assert done.code == 0
    assert "state 19" in done.out


def test_an_unknown_run(dashcam: Dashcam, fill: Fill) -> None:
    fill(support_run())
    done = dashcam("tail", "--run", "nope")
    assert done.code == 1
    assert "no run 'nope'" in done.err
