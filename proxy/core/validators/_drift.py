"""Fields that changed their name: `customer_id` where `customerId` is expected."""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

_BREAKS = re.compile(r"[^0-9a-z]+")
_CLOSE = 0.8
_MOST, _LONGEST = 200, 64


def lookalike(name: str, present: Iterable[str]) -> str | None:
    """The name among those `present` that was probably meant by `name`, or None.

    The same but for case and separators, else one that differs in a few letters.
    """
    bare = _bare(name)
    others = [other for other, _ in zip(present, range(_MOST), strict=False) if other != name]
    same = next((other for other in others if bare and _bare(other) == bare), None)
    if same is not None or not bare or len(name) > _LONGEST:
        return same
    near = [(_likeness(bare, _bare(other)), other) for other in others if len(other) <= _LONGEST]
    likeness, closest = max(near, default=(0.0, ""))
    return closest if likeness >= _CLOSE else None


def _bare(name: str) -> str:
    return _BREAKS.sub("", name.lower())


def _likeness(one: str, other: str) -> float:
    if min(len(one), len(other)) < 4:  # noqa: PLR2004 - too short to be alike by more than chance
        return 0.0
    return SequenceMatcher(None, one, other, autojunk=False).ratio()
