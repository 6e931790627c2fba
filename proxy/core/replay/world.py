"""What a recording knows of the world around its calls: its time, and values made in the run."""

from collections.abc import Iterable
from typing import Any

from proxy.core.model import Event

OF_VALUE = "value"  # `of` in the data of an event that `dashcam.value` has reported


def values(events: Iterable[Event]) -> dict[str, list[Any]]:
    """Recorded values by name, in order."""
    found: dict[str, list[Any]] = {}
    told = [one for one in events if one.kind == "state" and one.data.get("of") == OF_VALUE]
    for event in sorted(told, key=lambda one: (one.started_at, one.id or 0)):
        if "value" in event.data:
            found.setdefault(event.name, []).append(event.data["value"])
    return found
