"""`schema`: the output is JSON and satisfies this JSON Schema. Nothing is fetched for a `$ref`."""

import json
from collections.abc import Iterator
from typing import Any, Final

from proxy.core.checks._api import Trial
from proxy.errors import ConfigError

_SHOWN: Final = 5


def check(trial: Trial, wanted: Any) -> Iterator[str]:
    """Where the output breaks the schema."""
    if not isinstance(wanted, dict):
        raise ConfigError(f"schema takes a JSON Schema, not {wanted!r}")
    try:
        value = json.loads(trial.output)
    except ValueError as error:
        yield f"the output is not JSON: {error}"
        return
    from proxy.core.validators import _schema  # noqa: PLC0415 - a fifth of a start

    found = _schema.check(wanted, value)
    for wrong in found.errors[:_SHOWN]:
        yield f"{wrong.json_path}: {wrong.message}"
    if found.unchecked is not None and not found.errors:
        raise ConfigError(f"schema cannot be checked: {found.unchecked}")
