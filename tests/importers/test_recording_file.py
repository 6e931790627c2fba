from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.matching import IgnoreRule
from proxy.core.model import Run, Snapshot
from proxy.core.recording import dump, ignore_rules, load, with_ignore_rules
from proxy.core.replay import Fixtures, Hit, Playback
from proxy.errors import RecordingFormatError
from proxy.importers.recording_file import RecordingFile, opened
from tests.core.recorded import exchange, snapshots, step

RULES = (IgnoreRule("json", "$.user"),)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    run = with_ignore_rules(Run("r1", "crm", "r1", 1.0, 2.0), RULES)
    calls = [exchange(n, {"n": n, "text": "é" * n}, {"answer": n}) for n in range(1, 6)]
    file = tmp_path / "crm.dashcam.jsonl"
    file.write_bytes(b"".join(dump(Snapshot(run, calls))))
    return file


def edited(path: Path, old: bytes, new: bytes) -> None:
    """Changes a recording by hand, and says so in its first line."""
    data = path.read_bytes().replace(b'"version":1', b'"version":1,"edited":true', 1)
    assert old in data
    path.write_bytes(data.replace(old, new))


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_it_gives_what_loading_the_whole_gives(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    snapshot = data.draw(snapshots())
    path = tmp_path_factory.getbasetemp() / "any.dashcam.jsonl"
    path.write_bytes(b"".join(dump(snapshot)))
    whole = load(path.read_bytes().splitlines(keepends=True))
    file = RecordingFile(path)
    assert file.run == whole.run
    assert file.events() == whole.events
    found = list(file.exchanges())
    assert [replace(one, id="") for one in found] == [
        replace(one, id="") for one in whole.exchanges
    ]
    assert [file.exchange(one.id) for one in reversed(found)] == found[::-1]


def test_a_replay_reads_bodies_when_they_are_asked_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.core.replay.fixtures._AT_HAND", 0)
    file = opened(path)
    assert file is not None
    assert ignore_rules(file.run) == RULES
    fixtures = Fixtures.of(file.exchanges(), steps=step, load=file.exchange)
    assert not fixtures.at_hand
    session = Playback(fixtures)
    for n in (4, 1, 5):
        asked = exchange(n, {"n": n, "text": "é" * n})
        found = session.decide(asked.request, asked.request_body.data)
        assert isinstance(found, Hit)
        assert found.exchange.response_body.data == b'{"answer":%d}' % n


def test_line_ends_that_git_has_changed(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    file = RecordingFile(path)
    for one in list(file.exchanges()):
        assert file.exchange(one.id) == one


def test_a_call_that_was_copied_by_hand_keeps_its_own_answer(path: Path) -> None:
    edited(path, b'"id":"r1-2"', b'"id":"r1-1"')
    file = RecordingFile(path)
    first, second, *_ = file.exchanges()
    assert (first.id, second.id) == ("r1-1", "r1-1#2")
    assert file.exchange(second.id).response_body.data == b'{"answer":2}'


def test_a_file_that_changes_meanwhile(path: Path) -> None:
    file = RecordingFile(path)
    one = next(file.exchanges())
    path.write_bytes(path.read_bytes().replace(b'"answer":1', b'"answer":9'))
    with pytest.raises(RecordingFormatError, match="changed while it was replayed"):
        file.exchange(one.id)


def test_a_damaged_file_is_named(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RecordingFormatError, match=rf"{path.name}: line 7"):
        list(RecordingFile(path).exchanges())


def test_what_is_not_there_or_foreign_is_left_to_others(tmp_path: Path) -> None:
    assert opened(tmp_path / "absent.dashcam.jsonl") is None
    foreign = tmp_path / "a.har"
    foreign.write_text('{"log":{"version":"1.2","entries":[]}}', "utf-8")
    assert opened(foreign) is None
