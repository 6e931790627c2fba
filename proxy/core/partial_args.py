"""Tool arguments that arrive field by field, each with a JSON path (Vertex AI's `partialArgs`)."""

import re
from itertools import pairwise
from typing import Any

from proxy.core import loose

_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,4})\]|\[(?:'([^']*)'|"([^"]*)")\]""")
_MAX_DEPTH = 64
_VALUES = ("stringValue", "numberValue", "boolValue", "nullValue")


class PartialArgs:
    """Puts the fields together; `args` is what there is so far."""

    def __init__(self) -> None:
        self.args: dict[str, Any] = {}
        self._open: str | None = None  # the path whose text goes on

    def add(self, pieces: Any) -> None:
        """Take in one message's pieces: `[{"jsonPath": "$.city", "stringValue": "Par"}]`."""
        for piece in loose.objects(pieces):
            path = loose.text(piece.get("jsonPath")) or ""
            keys = [
                int(m[2]) if m[2] else m[1] or m[3] or m[4] or ""
                for m in _STEP.finditer(path.removeprefix("$"))
            ]
            if not keys or len(keys) > _MAX_DEPTH:
                continue
            name = next((n for n in _VALUES if n in piece), None)
            value = None if name in (None, "nullValue") else piece[name]
            self._set(keys, value, goes_on=self._open == path)
            self._open = path if piece.get("willContinue") else None

    def _set(self, keys: list[str | int], value: Any, *, goes_on: bool) -> None:
        at: Any = self.args
        for key, following in pairwise(keys):
            at = _child(at, key, [] if isinstance(following, int) else {})
            if at is None:
                return
        last = keys[-1]
        if isinstance(at, dict) and isinstance(last, str):
            old = at.get(last)
            joins = goes_on and isinstance(old, str) and isinstance(value, str)
            at[last] = old + value if joins else value
        elif isinstance(at, list) and isinstance(last, int):
            at.extend([None] * (last + 1 - len(at)))
            old = at[last]
            joins = goes_on and isinstance(old, str) and isinstance(value, str)
            at[last] = old + value if joins else value


def _child(at: Any, key: str | int, fresh: Any) -> Any:
    """The container under `key`, made if there is none; None where the path does not fit."""
    if isinstance(at, dict) and isinstance(key, str):
        return at.setdefault(key, fresh)
    if isinstance(at, list) and isinstance(key, int):
        at.extend([None] * (key + 1 - len(at)))
        if at[key] is None:
            at[key] = fresh
        return at[key]
    return None
