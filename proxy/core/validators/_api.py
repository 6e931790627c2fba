"""The contract of a validator. `VALIDATORS` in this folder's `__init__` lists them.

A validator looks at one exchange understood and yields what is wrong with its payloads. It never
raises for what a peer sent, and takes bounded time. `learned` holds the schemas of tools that are
known from elsewhere, by step name (`mcp:server/tool`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from proxy.core.calls import Call
from proxy.core.model import Exchange
from proxy.core.schemas.book import Book


class Learned(NamedTuple):
    """What a tool's own server declares: the schemas of its arguments and of its result."""

    input: Mapping[str, Any] | None = None
    output: Mapping[str, Any] | None = None


@dataclass(slots=True, frozen=True)
class Material:
    """One exchange, the call it is, its bodies without Content-Encoding, and what is known of it.

    `learned` are the schemas that tools' servers declare, `book` those that the user does.
    """

    exchange: Exchange
    call: Call
    request: bytes = b""
    response: bytes = b""
    learned: Mapping[str, Learned] = field(default_factory=dict)
    book: Book | None = None

    @property
    def asked_in_json(self) -> bool:
        """Whether the request is known to be whole JSON: its messages were read from it."""
        return bool(self.call.messages)

    @property
    def answered_in_json(self) -> bool:
        """Whether the answer is known to be one whole JSON value: the reply was read from it."""
        return self.call.reply is not None and not self.call.streamed


class Violation(NamedTuple):
    """One thing that is wrong.

    `path` is a JSON path into the payload; `keyword` the schema's keyword, or a word of our own
    (unknown_tool, not_json, cut_off, unchecked); `subject` the tool or schema; `side` the half of
    the exchange it was found in. `breaking` is false for what a tolerant reader can live with;
    `mode` says how strictly a declared schema is meant.
    """

    path: str
    message: str
    keyword: str
    side: str = "response"
    subject: str | None = None
    schema_path: str | None = None
    breaking: bool = True
    mode: str | None = None


class Validator(Protocol):
    """One validator."""

    name: str

    def check(self, given: Material) -> Iterator[Violation]:
        """What is wrong; nothing when all is well or not this validator's."""
