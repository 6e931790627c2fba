"""`max_length`: how many characters the output may have."""

from collections.abc import Iterator
from typing import Any

from proxy.core.checks._api import Trial
from proxy.core.checks._wanted import number


def check(trial: Trial, wanted: Any) -> Iterator[str]:
    """Whether the output is too long."""
    most = number("max_length", wanted, 0)
    if len(trial.output) > most:
        yield f"the output has {len(trial.output)} characters, and may have {most}"
