"""A payload against a schema, as violations. The engines are loaded when they are first needed."""

from collections.abc import Mapping
from typing import Any

from proxy.core.validators._api import Violation


def misfits(
    schema: Mapping[str, Any],
    payload: Any,
    *,
    side: str,
    subject: str | None,
    at: str = "$",
    size: int | None = None,
) -> list[Violation]:
    """What of a payload does not fit; `at` is the JSON path of the payload itself.

    `size` is the length of the JSON that it came in, if known.
    """
    from proxy.core.validators import _schema, _sentences  # noqa: PLC0415 - a third of a start

    found = _schema.check(schema, payload, size)
    return _sentences.violations(found, side=side, subject=subject, at=at)


def prepare() -> None:
    """Load the engines now, so that the first payload to be checked need not wait for them."""
    misfits({"type": "null", "pattern": "x"}, "y", side="response", subject=None)
