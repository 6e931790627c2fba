"""The contract of a validator. `VALIDATORS` lists them; all run, all violations are kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from proxy.core.calls import Call
from proxy.core.model import Exchange


@dataclass(slots=True, frozen=True)
class Violation:
    """One thing wrong with a payload: where (JSON path) and a plain sentence."""

    validator: str
    side: str  # request | response
    path: str  # $.customerId
    message: str
    schema_path: str | None = None
    subject: str | None = None  # the tool or schema it was held against


class Validator(Protocol):
    """One validator."""

    name: str

    def check(
        self, call: Call, exchange: Exchange, request: bytes, response: bytes
    ) -> Iterable[Violation]:
        """Every violation in this call."""
