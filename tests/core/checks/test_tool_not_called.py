from typing import Any

import pytest

from proxy.core.checks.tool_not_called import check
from proxy.errors import ConfigError
from tests.core.checks.trials import model, tool, trial

RUN = trial(model(("refund", {"amount": 500})), tool("POST crm.test/refunds", {"amount": 500}))


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (["delete_account", {"tool": "refund", "arguments": {"amount": 5}}], []),
        ("refund", ["refund was called"]),
        ({"tool": "*refund*", "arguments": {"amount": 500}}, ["called 2 times"]),
    ],
)
def test_tool_not_called(wanted: Any, said: list[str]) -> None:
    messages = list(check(RUN, wanted))
    assert len(messages) == len(said)
    assert all(part in message for part, message in zip(said, messages, strict=True))


def test_what_cannot_be_understood() -> None:
    with pytest.raises(ConfigError):
        list(check(RUN, 5))
