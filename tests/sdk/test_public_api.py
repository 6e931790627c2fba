import ast
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import dashcam
import pytest

SOURCES = sorted(Path(dashcam.__file__).parent.glob("*.py"))


def test_what_is_public() -> None:
    assert dashcam.__all__ == [
        "Block",
        "Run",
        "Verdict",
        "configure",
        "event",
        "flush",
        "group",
        "outcome",
        "retrieval",
        "run",
        "state",
        "step",
        "value",
    ]
    assert all(hasattr(dashcam, name) for name in dashcam.__all__)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_module_parses_under_python_3_9(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 9))


def test_it_depends_on_nothing() -> None:
    assert metadata.requires("dashcam-sdk") is None
    script = "import sys, dashcam; print(sorted({n.partition('.')[0] for n in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(ast.literal_eval(done.stdout))
    plain = subprocess.run(
        [sys.executable, "-I", "-c", script.replace(", dashcam", "")],
        capture_output=True,
        text=True,
        check=True,
    )
    added = loaded - set(ast.literal_eval(plain.stdout)) - set(sys.stdlib_module_names)
    assert added == {"dashcam"}


def test_it_is_typed() -> None:
    assert (Path(dashcam.__file__).parent / "py.typed").exists()
