from pathlib import Path

import pytest

from proxy.cli._common import Cli
from proxy.cli._source import is_missing, load_one, shown, source
from proxy.core.recording import dump
from proxy.errors import ConfigError, RecordingNotFound
from tests.cli.conftest import Fill
from tests.cli.samples import START, support_run

CLI = Cli(store=None, config=None, json=False)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("sqlite:///recordings/dashcam.db", "recordings/dashcam.db"),
        ("sqlite:////var/x.db?mode=ro", "/var/x.db"),
        ("postgresql://db.local/x", "postgresql://db.local/x"),
        ("postgresql://ann:pw@db.local:1/x?y=1", "postgresql://ann:***@db.local:1/x?y=1"),
        ("postgresql://ann:p@w:d@[::1]:1/x", "postgresql://ann:***@[::1]:1/x"),
    ],
)
def test_a_store_for_people(url: str, text: str) -> None:
    assert shown(url) == text


def test_only_a_file_can_be_missing(folder: Path) -> None:
    assert is_missing("sqlite:///x.db")
    (folder / "x.db").touch()
    assert not is_missing("sqlite:///x.db")
    assert not is_missing("postgresql://db.local/x")


def test_a_file_of_that_name_does_not_hide_the_last_run(fill: Fill, folder: Path) -> None:
    fill(support_run())
    (folder / "last").write_text("not a recording")
    with source(CLI, "last") as found:
        assert found.run.id == "run_a"


def test_a_prefix_of_two_runs_is_not_guessed(fill: Fill) -> None:
    fill(support_run("run_aa"), support_run("run_ab", at=START + 60))
    with pytest.raises(RecordingNotFound, match="run_a"), source(CLI, "run_a"):
        pass


def test_a_file_with_several_runs_is_not_one_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "two.har"
    path.write_text("{}")
    monkeypatch.setattr("proxy.importers.load", lambda _path: [support_run(), support_run("b")])
    with pytest.raises(ConfigError, match=r"two\.har holds 2 runs"):
        load_one(path)


def test_a_file_gives_the_same_as_the_store(fill: Fill, folder: Path) -> None:
    fill(support_run())
    (folder / "a.dashcam.jsonl").write_bytes(b"".join(dump(support_run())))
    with source(CLI, "run_a") as stored, source(CLI, "a.dashcam.jsonl") as loaded:
        assert stored.run == loaded.run
        assert stored.call(5) == loaded.call(5)
        assert [event.data for event in stored.events] == [event.data for event in loaded.events]
        with pytest.raises(RecordingNotFound) as caught:
            loaded.call(7)
    assert caught.value.hint == "it has 1 to 6"


def test_a_run_without_calls_says_so(folder: Path) -> None:
    made = support_run()
    made.exchanges, made.events, made.outcomes = [], [], []
    (folder / "a.dashcam.jsonl").write_bytes(b"".join(dump(made)))
    with source(CLI, "a.dashcam.jsonl") as found, pytest.raises(RecordingNotFound) as caught:
        found.call(1)
    assert caught.value.hint == "it has no calls"
