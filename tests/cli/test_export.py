import json
import stat
from pathlib import Path

import pytest

from proxy.cli import export
from proxy.cli.export import file_name
from proxy.core.model import Run
from proxy.core.recording import load
from tests.cli.conftest import Dashcam, Fill
from tests.cli.samples import START, support_run


@pytest.fixture(autouse=True)
def stored(fill: Fill) -> None:
    fill(support_run())


def read(path: str) -> str:
    with Path(path).open("rb") as lines:
        return load(lines).run.id


def test_a_pipe_gets_the_recording(dashcam: Dashcam) -> None:
    done = dashcam("export", "last")
    assert (done.code, done.err) == (0, "")
    found = load(done.out.encode().splitlines(keepends=True))
    assert found.run == support_run().run
    assert found.exchanges == support_run().exchanges
    assert dashcam("export", "run_a", "--to", "-").out == done.out


def test_at_a_terminal_it_goes_to_recordings(
    dashcam: Dashcam, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "on_terminal", lambda: True)
    done = dashcam("export", "last")
    path = Path("recordings/SupportAgent.dashcam.jsonl")
    assert done.code == 0
    assert done.err.startswith(f"wrote {path} (")
    assert read(str(path)) == "run_a"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_to_a_file_and_never_over_one(dashcam: Dashcam) -> None:
    done = dashcam("export", "last", "--to", "new/x.dashcam.jsonl", "--json")
    assert json.loads(done.out) == {
        "run": "run_a",
        "file": "new/x.dashcam.jsonl",
        "format": "dashcam",
        "bytes": Path("new/x.dashcam.jsonl").stat().st_size,
    }
    before = Path("new/x.dashcam.jsonl").read_bytes()
    again = dashcam("export", "last", "--to", "new/x.dashcam.jsonl")
    assert (again.code, again.out) == (2, "")
    assert "new/x.dashcam.jsonl is there already\n--force overwrites it" in again.err
    Path("new/x.dashcam.jsonl").write_bytes(b"mine")
    assert dashcam("export", "last", "--to", "new/x.dashcam.jsonl", "--force").code == 0
    assert Path("new/x.dashcam.jsonl").read_bytes() == before


def test_a_file_can_be_exported_again(dashcam: Dashcam) -> None:
    dashcam("export", "last", "--to", "a.dashcam.jsonl")
    dashcam("export", "a.dashcam.jsonl", "--to", "b.dashcam.jsonl")
    assert Path("a.dashcam.jsonl").read_bytes() == Path("b.dashcam.jsonl").read_bytes()


def test_every_format_writes_and_is_known_by_its_suffix(dashcam: Dashcam) -> None:
    from proxy.exporters import EXPORTERS

    for name, exporter in EXPORTERS.items():
        by_name = dashcam("export", "last", "--format", name, "--to", f"by-name.{name}")
        assert by_name.code == 0
        by_suffix = dashcam("export", "last", "--to", f"x-{name}{exporter.suffix}", "--json")
        suffixes = [other.suffix for other in EXPORTERS.values()]
        if suffixes.count(exporter.suffix) == 1:
            assert json.loads(by_suffix.out)["format"] == name


def test_no_such_format(dashcam: Dashcam) -> None:
    done = dashcam("export", "last", "--format", "tape")
    assert (done.code, done.out) == (2, "")
    assert "there is no format 'tape'\nchoose one of dashcam" in done.err


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("SupportAgent", "SupportAgent.x"),
        ("../../etc/passwd", "etc-passwd.x"),
        ("a b/c\x1b\u202e.", "a-b-c.x"),
        ("字", "run_1.x"),
        ("", "run_1.x"),
        ("x" * 500, "x" * 80 + ".x"),
    ],
)
def test_file_names_are_plain(label: str, name: str) -> None:
    assert file_name(Run("run_1", label, "c", START), ".x") == name


def test_an_id_may_hold_no_path_either() -> None:
    assert file_name(Run("../run/1", "", "c", START), ".x") == "-run-1.x"
