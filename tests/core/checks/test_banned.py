from typing import Any

import pytest

from proxy.core.checks.banned import check
from proxy.errors import ConfigError
from tests.core.checks.trials import trial


@pytest.mark.parametrize(
    ("output", "wanted", "said"),
    [
        ("All is well.", ["sorry"], []),
        ("I am\n SORRY to say", ["i am sorry", "well"], ["the output says 'i am sorry'"]),
        ("sorry", "sorry", ["the output says 'sorry'"]),
    ],
)
def test_banned(output: str, wanted: Any, said: list[str]) -> None:
    assert list(check(trial(output=output), wanted)) == said


@pytest.mark.parametrize("wanted", [None, [1], "", [""]])
def test_what_cannot_be_understood(wanted: Any) -> None:
    with pytest.raises(ConfigError):
        list(check(trial(output="x"), wanted))
