"""`tool_not_called`: tools that must not be used, or not with these arguments."""

from collections.abc import Iterator
from typing import Any

from proxy.core.checks import _tools as tools
from proxy.core.checks._api import Trial


def check(trial: Trial, wanted: Any) -> Iterator[str]:
    """Each unwanted tool that was used."""
    found = list(tools.uses(trial))
    for one in tools.read("tool_not_called", wanted):
        if used := tools.among(one, found):
            yield f"{one} was called{f' {len(used)} times' if len(used) > 1 else ''}"
