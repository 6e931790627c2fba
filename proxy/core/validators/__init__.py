"""What is wrong with the payloads of an exchange: every violation, with its place, in words.

`VALIDATORS` is the table; each validator is a module with a `name` and `check(given)`.
"""

from itertools import islice
from typing import NamedTuple

from proxy.core.validators import (
    content_type,
    embedded_error,
    partial_json,
    structured_output,
    tool_arguments,
    tool_schemas,
    truncated_stream,
)
from proxy.core.validators._api import Learned, Material, Validator, Violation
from proxy.core.validators._misfits import prepare

__all__ = ["VALIDATORS", "Found", "Learned", "Material", "Violation", "prepare", "validate"]

VALIDATORS: tuple[Validator, ...] = (
    tool_arguments,
    structured_output,
    tool_schemas,
    content_type,
    partial_json,
    truncated_stream,
    embedded_error,
)
_MOST = 200  # violations of one validator in one exchange


class Found(NamedTuple):
    """A violation and the validator that found it."""

    validator: str
    violation: Violation


def validate(given: Material) -> list[Found]:
    """Everything that the validators find, in the table's order; never raises."""
    return [found for validator in VALIDATORS for found in _run(validator, given)]


def _run(validator: Validator, given: Material) -> list[Found]:
    try:
        found = islice(validator.check(given), _MOST)
        return [Found(validator.name, violation) for violation in found]
    except Exception as error:  # noqa: BLE001 - a validator's bug must not cost the recording
        why = f"not checked: {validator.name} failed: {type(error).__name__}: {error}"[:300]
        return [Found(validator.name, Violation("$", why, "unchecked", breaking=False))]
