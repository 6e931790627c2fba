import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.stores import private_files


@pytest.fixture(params=[0o000, 0o022, 0o777])
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("_umask")
def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "one" / "two" / "x.db"
    assert private_files.make(path)
    assert (mode(path), mode(path.parent), mode(tmp_path / "one")) == (0o600, 0o700, 0o700)
    assert not private_files.make(path)


def test_a_folder_that_was_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir(0o755)
    (tmp_path / "shared").chmod(0o755)
    private_files.make(tmp_path / "shared" / "x.db")
    assert mode(tmp_path / "shared") == 0o755


def test_what_is_open_to_others_is_narrowed(tmp_path: Path) -> None:
    for name in ("x.db", "x.db-wal", "x.db-shm", "y.db"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o644)
    (tmp_path / "x.db-wal").chmod(0o400)
    private_files.narrow(tmp_path / "x.db")
    modes = {path.name: mode(path) for path in tmp_path.iterdir()}
    assert modes == {"x.db": 0o600, "x.db-wal": 0o400, "x.db-shm": 0o600, "y.db": 0o644}


def test_databases_stay_out_of_git_and_recordings_do_not(tmp_path: Path) -> None:
    private_files.keep_out_of_git(tmp_path / "dashcam.db")
    file = tmp_path / ".gitignore"
    assert file.read_text().splitlines()[1:] == ["/dashcam.db*", "!*.dashcam.jsonl"]
    assert mode(file) == 0o600
    private_files.keep_out_of_git(tmp_path / "other.db")
    private_files.keep_out_of_git(tmp_path / "other.db")
    lines = file.read_text().splitlines()[1:]
    assert lines == ["/other.db*", "/dashcam.db*", "!*.dashcam.jsonl"]


def test_a_gitignore_of_the_users_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.pyc\n")
    private_files.keep_out_of_git(tmp_path / "dashcam.db")
    assert (tmp_path / ".gitignore").read_text() == "*.pyc\n"
