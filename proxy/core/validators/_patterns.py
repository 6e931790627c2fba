"""Regular expressions of strangers, matched in bounded time.

Python's `re` may take for ever over `^(a+)+$`; the engine of jsonschema-rs gives up after so many
steps back, and is the one that its verdicts come from anyway.
"""

from functools import lru_cache
from typing import Any

import jsonschema_rs

_STEPS_BACK = 20_000
_SIZE = 1_000_000  # bytes that a compiled pattern may take
OPTIONS = jsonschema_rs.FancyRegexOptions(backtrack_limit=_STEPS_BACK, size_limit=_SIZE)


def matches(pattern: Any, text: str) -> bool | None:
    """Whether the pattern is found in the text; None when nobody can say in bounded time."""
    found = _compiled(pattern) if isinstance(pattern, str) else None
    if found is None:
        return None
    error = next(found.iter_errors(text), None)
    if error is not None and error.kind.name != "pattern":
        return None
    return error is None


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> jsonschema_rs.Draft202012Validator | None:
    try:
        return jsonschema_rs.Draft202012Validator(
            {"pattern": pattern}, pattern_options=OPTIONS, offline=True
        )
    except ValueError:
        return None
