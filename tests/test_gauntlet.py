"""The gauntlet's rows name tests that are there: pytest finds nothing else wrong with them."""

import runpy
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROWS = runpy.run_path(str(ROOT / "scripts" / "gauntlet.py"))["ROWS"]


@pytest.mark.parametrize("name", ROWS)
def test_each_row_has_its_tests(name: str) -> None:
    words = shlex.split(ROWS[name].args)
    files = [ROOT / word for word in words if word.endswith(".py")]
    text = "".join(file.read_text() for file in files)
    assert files
    if "-k" in words:
        for part in words[words.index("-k") + 1].split(" or "):
            assert any(part in line for line in text.splitlines() if line.startswith("def test_"))
