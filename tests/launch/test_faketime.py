"""libfaketime is found beside its command, and told in whole seconds."""

from pathlib import Path

import pytest

from proxy.launch import faketime


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """A place where it is installed."""
    command = tmp_path / "bin" / "faketime"
    folder = tmp_path / "lib" / "x86_64-linux-gnu" / "faketime"
    for made in (command.parent, folder):
        made.mkdir(parents=True)
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    (folder / "libfaketime.so.1").write_bytes(b"")
    return tmp_path


def test_the_library_beside_the_command(prefix: Path) -> None:
    folder = prefix / "lib" / "x86_64-linux-gnu" / "faketime"
    assert faketime.library(str(prefix / "bin")) == folder / "libfaketime.so.1"
    (folder / "libfaketimeMT.so.1").write_bytes(b"")
    assert faketime.library(str(prefix / "bin")) == folder / "libfaketimeMT.so.1"


def test_without_it_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faketime, "_PREFIXES", (str(tmp_path),))
    assert faketime.library(str(tmp_path)) is None
    (tmp_path / "lib64" / "faketime").mkdir(parents=True)
    found = tmp_path / "lib64" / "faketime" / "libfaketime.so.1"
    found.write_bytes(b"")
    assert faketime.library(str(tmp_path)) == found


@pytest.mark.parametrize(
    ("offset", "told"), [(-3456000.4, "-3456000"), (12.0, "+12"), (-0.2, "-0")]
)
def test_what_a_child_is_told(offset: float, told: str) -> None:
    found = faketime.variables({}, Path("/usr/lib/f.so"), offset)
    assert found["FAKETIME"] == told
    assert found["LD_PRELOAD"] == "/usr/lib/f.so"
    assert found["FAKETIME_DONT_FAKE_MONOTONIC"] == found["NO_FAKE_STAT"] == "1"


def test_another_library_stays_loaded() -> None:
    found = faketime.variables({"LD_PRELOAD": "/usr/lib/a.so"}, Path("/usr/lib/f.so"), 1)
    assert found["LD_PRELOAD"] == "/usr/lib/f.so:/usr/lib/a.so"
