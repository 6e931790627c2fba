from typing import Any

import pytest

from proxy.core.checks.max_length import check
from proxy.errors import ConfigError
from tests.core.checks.trials import trial


@pytest.mark.parametrize(
    ("output", "wanted", "said"),
    [
        ("abcd", 4, []),
        ("abcde", 4, ["the output has 5 characters, and may have 4"]),
    ],
)
def test_max_length(output: str, wanted: Any, said: list[str]) -> None:
    assert list(check(trial(output=output), wanted)) == said


@pytest.mark.parametrize("wanted", [None, -1, "4", True])
def test_what_cannot_be_understood(wanted: Any) -> None:
    with pytest.raises(ConfigError):
        list(check(trial(output="x"), wanted))
