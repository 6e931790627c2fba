"""`tool_called`: tools that must be used, by name, by arguments, so many times."""

from collections.abc import Iterator
from typing import Any

from proxy.core.checks import _tools as tools
from proxy.core.checks._api import Trial


def check(trial: Trial, wanted: Any) -> Iterator[str]:
    """Each wanted tool that was not used so."""
    found = list(tools.uses(trial))
    for one in tools.read("tool_called", wanted):
        count = len(tools.among(one, found))
        if one.times is not None and count != one.times:
            yield f"{one} was called {count} times, and not {one.times}"
        elif not count and one.times is None:
            others = tools.same_tool(one, found) if one.arguments else []
            seen = f"; it was called with {others[0].arguments!r}" if others else ""
            yield f"{one} was not called{seen}"
