import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.cli._files import write_whole
from proxy.errors import ConfigError


def broken() -> Iterator[bytes]:
    yield b"half"
    raise RuntimeError("stop")


def test_a_file_is_whole_and_its_owners_alone(folder: Path) -> None:
    path = folder / "a" / "b" / "x.bin"
    assert write_whole(path, [b"one", b"two"], force=False) == 6
    assert path.read_bytes() == b"onetwo"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "a").stat().st_mode) == 0o700
    assert [found.name for found in path.parent.iterdir()] == ["x.bin"]


def test_nothing_is_overwritten_unless_forced(folder: Path) -> None:
    path = folder / "x"
    path.write_bytes(b"old")
    with pytest.raises(ConfigError, match="x is there already"):
        write_whole(path, [b"new"], force=False)
    assert path.read_bytes() == b"old"
    write_whole(path, [b"new"], force=True)
    assert path.read_bytes() == b"new"


def test_a_file_that_appears_meanwhile_is_kept(folder: Path) -> None:
    path = folder / "x"

    def pieces() -> Iterator[bytes]:
        path.write_bytes(b"theirs")
        yield b"ours"

    with pytest.raises(ConfigError, match="is there already"):
        write_whole(path, pieces(), force=False)
    assert path.read_bytes() == b"theirs"
    assert [found.name for found in folder.iterdir()] == ["x"]


@pytest.mark.parametrize("force", [False, True])
def test_half_a_file_is_no_file(folder: Path, force: bool) -> None:
    path = folder / "x"
    if force:
        path.write_bytes(b"old")
    with pytest.raises(RuntimeError):
        write_whole(path, broken(), force=force)
    assert {found.name: found.read_bytes() for found in folder.iterdir()} == (
        {"x": b"old"} if force else {}
    )


def test_a_file_system_without_links(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: Path, _target: Path) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    write_whole(folder / "x", [b"1"], force=False)
    with pytest.raises(ConfigError):
        write_whole(folder / "x", [b"2"], force=False)
    assert (folder / "x").read_bytes() == b"1"
