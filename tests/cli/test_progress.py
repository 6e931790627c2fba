import io
import sys
from typing import override

import pytest

from proxy.cli._progress import progress


class Screen(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "term", "shown"),
    [(Screen, "xterm", True), (Screen, "dumb", False), (io.StringIO, "xterm", False)],
)
def test_everything_passes_and_only_a_screen_sees_how_far(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], term: str, shown: bool
) -> None:
    made = stream()
    monkeypatch.setenv("TERM", term)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", made)
        passed = list(progress(range(5), "counting", 5))
    assert passed == [0, 1, 2, 3, 4]
    assert ("counting" in made.getvalue()) == shown
