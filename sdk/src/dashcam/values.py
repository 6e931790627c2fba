"""Values that differ from run to run: told when a run is recorded, served again in its replay."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from . import reports

T = TypeVar("T")

_log = logging.getLogger("dashcam")
_MISSING: Any = object()
_STATE = "state:"  # before the names of states, among the recorded values


class _World:
    """What the recording had, from the file that `DASHCAM_WORLD` names; read once per file."""

    path: str | None = None
    values: Mapping[str, Any] = {}


def value(name: str, make: Callable[[], T]) -> T:
    """What `make` returns; in a replay, what it returned in the recording instead.

    For ids, random numbers and whatever else is new in each run: `dashcam.value("id", new_id)`.
    Each use of a name gets the next recorded value, in the order of the recording, in whichever
    process. A name that has no more is made. Without a Dashcam in the way this calls `make`.

    Args:
        name: What it is; uses of one name are counted together.
        make: Makes a value that JSON can hold; another is not served in a replay.
    """
    found = _served(name)
    served = found is not _MISSING
    made = make() if found is _MISSING else found
    try:
        json.dumps(made, allow_nan=False)
    except (TypeError, ValueError):
        _log.debug("the value %r cannot be kept: it is not JSON", name)
        return made
    reports.event("state", name, data={"value": made, "of": "value", "served": served})
    return made


def state(name: str, value: T, *, run: reports.RunOrId | None = None) -> T:
    """Record something the run depended on, such as a feature flag or the user's plan.

    Args:
        name: What it is; uses of one name are counted together.
        value: What it is now.
        run: The run or its id; the one around this call when left out.

    Returns:
        `value`; in a replay what it was in the recording, in the order of the recording. A name
        that the recording has no more of keeps its value.
    """
    found = _served(f"{_STATE}{name}")
    if found is _MISSING:
        reports.event("state", name, data={"value": value}, run=run)
        return value
    reports.event("state", name, data={"value": found, "served": True}, run=run)
    recorded: T = found
    return recorded


def _served(name: str) -> Any:
    """The next recorded value, or _MISSING. Each is claimed by making a file, once for all."""
    path = os.environ.get("DASHCAM_WORLD")
    if not path:
        return _MISSING
    try:
        recorded = _values(path).get(name, ())
        mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        for number, found in enumerate(recorded):
            try:
                os.close(os.open(f"{path}.{mark}.{number}", os.O_CREAT | os.O_EXCL, 0o600))
            except FileExistsError:
                continue
            return found
    except Exception:  # noqa: BLE001 - the agent must not notice
        _log.debug("the recorded values cannot be read", exc_info=True)
    return _MISSING


def _values(path: str) -> Mapping[str, Any]:
    if _World.path != path:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib is slow to import
            _World.values = json.load(file)["values"]
        _World.path = path
    return _World.values
