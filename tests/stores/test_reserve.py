import os
import stat
from pathlib import Path

import pytest

from proxy.stores import reserve


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "dashcam.db"
    file.write_bytes(bytes(reserve.LEAST * 4))
    return file


def test_a_large_store_has_one(path: Path) -> None:
    reserve.keep(path)
    found = reserve.of(path).stat()
    assert found.st_size == reserve.LEAST // 2
    assert found.st_blocks * 512 >= found.st_size  # not a hole
    assert stat.S_IMODE(found.st_mode) == 0o600
    reserve.keep(path)
    assert reserve.of(path).stat().st_ino == found.st_ino


def test_it_grows_with_the_store_up_to_a_limit(path: Path) -> None:
    reserve.keep(path)
    os.truncate(path, 10**10)
    reserve.keep(path)
    assert reserve.of(path).stat().st_size == 16 * 1024 * 1024


def test_a_small_store_has_none(path: Path) -> None:
    os.truncate(path, reserve.LEAST - 1)
    reserve.keep(path)
    assert not reserve.of(path).exists()
    assert not reserve.give_up(path)


def test_it_is_given_up_once(path: Path) -> None:
    reserve.keep(path)
    assert reserve.give_up(path)
    assert not reserve.of(path).exists()
    assert not reserve.give_up(path)


def test_a_little_of_it_is_lent(path: Path) -> None:
    assert not reserve.lend(path)
    reserve.keep(path)
    held = reserve.of(path).stat().st_size
    assert reserve.lend(path)
    assert reserve.of(path).stat().st_size == held - 64 * 1024
    os.truncate(reserve.of(path), 1000)
    assert not reserve.lend(path)


def test_what_takes_the_last_space_is_not_made(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    reserve.keep(path)
    assert reserve.of(path).stat().st_size == 0
    room = os.statvfs(path.parent)
    monkeypatch.undo()
    reserve.of(path).unlink()
    scarce = os.statvfs_result((*tuple(room)[:4], 1, *tuple(room)[5:]))
    monkeypatch.setattr(os, "statvfs", lambda _: scarce)
    reserve.keep(path)
    assert not reserve.of(path).exists()


def test_nothing_here_fails(tmp_path: Path) -> None:
    reserve.keep(tmp_path / "nowhere" / "dashcam.db")
    assert not reserve.give_up(tmp_path / "nowhere" / "dashcam.db")
