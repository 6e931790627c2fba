import os
import subprocess
import sys
from pathlib import Path

from proxy.mcp.family import told


def process(proc: Path, pid: int, parent: int, **environment: str) -> None:
    folder = proc / str(pid)
    folder.mkdir()
    (folder / "stat").write_text(f"{pid} (a ) name) S {parent} 1 1")
    block = "".join(f"{name}={text}\0" for name, text in environment.items())
    (folder / "environ").write_bytes(block.encode())


def test_our_own_environment_comes_first(tmp_path: Path) -> None:
    process(tmp_path, 9, 8)
    process(tmp_path, 8, 1, DASHCAM_RUN="theirs")
    environment = {"DASHCAM_RUN": "mine", "DASHCAM_API": "http://h:1", "HOME": "/"}
    found = told(environment, 9, proc=tmp_path)
    assert found == {"DASHCAM_RUN": "mine", "DASHCAM_API": "http://h:1"}


def test_the_nearest_ancestor_that_was_told(tmp_path: Path) -> None:
    process(tmp_path, 9, 8)
    process(tmp_path, 8, 7, HOME="/", DASHCAM_RUN="")
    process(tmp_path, 7, 6, DASHCAM_RUN="r", DASHCAM_API="http://h:1", DASHCAM_TOKEN="t")
    process(tmp_path, 6, 1, DASHCAM_RUN="outer")
    assert told({}, 9, proc=tmp_path) == {"DASHCAM_RUN": "r", "DASHCAM_API": "http://h:1"}


def test_nobody_was_told(tmp_path: Path) -> None:
    process(tmp_path, 9, 8)
    process(tmp_path, 8, 1)
    assert told({}, 9, proc=tmp_path) == {}
    assert told({}, 10, proc=tmp_path) == {}
    (tmp_path / "8" / "environ").unlink()
    assert told({}, 9, proc=tmp_path) == {}


def test_a_real_parent() -> None:
    """A child with an empty environment finds what its parent has."""
    inner = "import os; from proxy.mcp.family import told; print(told(os.environ, os.getpid()))"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], env={{}})"
    environment = {**os.environ, "DASHCAM_RUN": "run_of_the_parent"}
    ended = subprocess.run(
        [sys.executable, "-c", outer], env=environment, capture_output=True, text=True, check=True
    )
    assert "run_of_the_parent" in ended.stdout
