import gzip
from pathlib import Path

import pytest

from proxy import importers
from proxy.core.replay import Fixtures, Hit, Playback
from proxy.errors import RecordingFormatError, RecordingNotFound
from proxy.exporters import EXPORTERS
from proxy.importers import IMPORTERS, load
from tests.core.recorded import step
from tests.exporters.sample import snapshot

BOTH = [name for name in IMPORTERS if name in EXPORTERS]


def written(folder: Path, name: str, to: str = "") -> Path:
    exporter = EXPORTERS[name]
    path = folder / (to or f"run{exporter.suffix}")
    path.write_bytes(b"".join(exporter.export(snapshot())))
    return path


def test_our_own_comes_back_whole(tmp_path: Path) -> None:
    assert load(written(tmp_path, "dashcam")) == [snapshot()]


@pytest.mark.parametrize("name", BOTH)
def test_formats_are_told_by_their_content(tmp_path: Path, name: str) -> None:
    (run,) = load(written(tmp_path, name, "anything"))
    assert run.exchanges


@pytest.mark.parametrize("name", BOTH)
def test_what_is_imported_replays(tmp_path: Path, name: str) -> None:
    (run,) = load(written(tmp_path, name))
    playback = Playback(Fixtures.of(run.exchanges, steps=step))
    original = snapshot().exchanges[1]
    answer = playback.decide(original.request, original.request_body.data)
    assert isinstance(answer, Hit)
    assert answer.exchange.response is not None
    assert answer.exchange.response.status == 401
    assert answer.exchange.response_body.data == b'{"error":"Unauthorized"}'


@pytest.mark.parametrize("name", ["jsonl", "html", "markdown"])
def test_formats_that_are_not_for_reading_back_are_refused(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name)
    with pytest.raises(RecordingFormatError) as caught:
        load(path)
    assert caught.value.message == f"{path}: no format that is known here"
    assert (
        caught.value.hint
        == "Known: dashcam, har, mitm, braintrust, hoverfly, aimock, wiremock, vcr."
    )


def test_a_damaged_recording_is_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "x.dashcam.jsonl"
    path.write_bytes(b"")
    with pytest.raises(RecordingFormatError, match=r"x\.dashcam\.jsonl: line 1: the file is empty"):
        load(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RecordingNotFound, match="nothing: No such file"):
        load(tmp_path / "nothing")
    with pytest.raises(RecordingNotFound, match="Is a directory"):
        load(tmp_path)


@pytest.mark.parametrize("name", BOTH)
def test_packed_files_are_unpacked(tmp_path: Path, name: str) -> None:
    plain = written(tmp_path, name)
    packed = plain.with_name(f"{plain.name}.gz")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    ((run,), (original,)) = load(packed), load(plain)
    assert [one.request for one in run.exchanges] == [one.request for one in original.exchanges]
    assert [one.response for one in run.exchanges] == [one.response for one in original.exchanges]


@pytest.mark.parametrize("cut", [3, 12, -9, -1])
def test_what_only_begins_like_gzip_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "x.har.gz"
    path.write_bytes(gzip.compress(b'{"log":{"entries":[]}}')[:cut])
    with pytest.raises(RecordingFormatError, match=r"x\.har\.gz: not gzip, though it begins so"):
        load(path)


def test_what_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importers, "_MAX_UNPACKED", 1 << 20)
    path = tmp_path / "x.yaml"
    path.write_bytes(gzip.compress(b" " * (3 << 20)))
    with pytest.raises(RecordingFormatError, match="larger than 1 MiB when unpacked"):
        load(path)
