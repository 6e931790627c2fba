from typing import Any

import pytest

from proxy.core.checks.sections import check
from proxy.errors import ConfigError
from tests.core.checks.trials import trial


@pytest.mark.parametrize(
    ("output", "wanted", "said"),
    [
        ("# Summary\nx\n**Next steps**: y", ["Summary", "next steps"], []),
        ("2. Refund policy", "Refund", []),
        ("a summary", ["Summary"], ["the output has no section 'Summary'"]),
    ],
)
def test_sections(output: str, wanted: Any, said: list[str]) -> None:
    assert list(check(trial(output=output), wanted)) == said


@pytest.mark.parametrize("wanted", [None, [1], ""])
def test_what_cannot_be_understood(wanted: Any) -> None:
    with pytest.raises(ConfigError):
        list(check(trial(output="x"), wanted))
