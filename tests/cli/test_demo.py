from collections.abc import Callable

import pytest

from proxy.demo import story
from tests.cli.conftest import Done

type Dashcam = Callable[..., Done]


def test_it_ends_as_the_story_ends(dashcam: Dashcam, monkeypatch: pytest.MonkeyPatch) -> None:
    for code in (0, 1):
        monkeypatch.setattr(story, "main", lambda code=code: code)
        assert dashcam("demo").code == code
