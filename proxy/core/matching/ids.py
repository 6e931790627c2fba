"""Identifiers that differ from run to run: UUIDs, ULIDs, tool-call ids, trace ids, pseudonyms.

An identifier that names a thing the answer is about (`customer 550e8400-…`) is not one of them.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

_UUID: Final = re.compile(
    # Starts with a literal hyphen, which is found fast; the eight digits before come after that.
    r"-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}(?![0-9a-zA-Z])"
)
_EIGHT: Final = re.compile(r"(?<![0-9a-zA-Z])[0-9a-fA-F]{8}$")
_UUID_HEX: Final = re.compile(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")  # uuid4().hex
_ULID: Final = re.compile(r"01[0-9A-HJKMNP-TV-Z]{24}(?![0-9A-Za-z])")  # of this century
_SECRET: Final = re.compile(r"SECRET-([a-z0-9]{1,16})-[0-9a-f]{12}")
_CALL: Final = re.compile(
    r"\b(?:call_[A-Za-z0-9_-]{6,}|toolu_[A-Za-z0-9_]{8,}|tooluse_[A-Za-z0-9_-]{8,}"
    r"|chatcmpl-tool-[0-9a-f]{8,}|pyd_ai_[0-9a-f-]{8,}|functions\.[\w-]+:\d+(?!\d))(?![\w-])"
)
_CALL_NEEDLES: Final = ("call_", "toolu_", "tooluse_", "chatcmpl-tool-", "pyd_ai_", "functions.")
_BILLING: Final = re.compile(
    r"x-anthropic-billing-header:(?:[ \t]*[\w-]+=[^;\s]*;?)*", re.IGNORECASE
)
_BILLING_NEEDLE: Final = "anthropic-billing-header"
# How Claude Code named its user: the device, the account and the session.
_DEVICE: Final = re.compile(
    r"\buser_[0-9a-f]{64}_account_(?:[0-9a-f-]{36})?_session_[0-9a-f-]{36}(?![\w-])"
)
# In front of what a command of Codex's shell printed; other commands' times count.
_SHELL: Final = re.compile(
    r"^(?:Chunk ID: [0-9a-f]{6}\n|(Exit code: \d+\n))Wall time: \d+(?:\.\d+)? seconds$",
    re.MULTILINE,
)
_TRACE: Final = re.compile(r"\b00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\b")

_TOKEN: Final = re.compile(r"[A-Za-z0-9_+/=.:-]{16,200}")

# Nouns that an identifier behind them belongs to: another one is another question.
_THING: Final = re.compile(
    r"(?:\b|_)(?:customers?|clients?|users?|accounts?|orders?|invoices?|tickets?|products?|patients?"
    r"|documents?|docs?|files?|items?|payments?|transactions?|refunds?|bookings?|reservations?"
    r"|subscriptions?|contracts?|employees?|cases?|claims?|projects?|repos?(?:itory)?|issues?"
    r"|polic(?:y|ies)|shipments?|parcels?|skus?|assets?|devices?|contacts?|leads?|deals?|compan(?:y|ies)"
    r"|tenants?|org(?:anization)?s?|members?|persons?|people|articles?|posts?|pages?|records?|vehicles?"
    r"|listings?|properties|property|teams?|workspaces?|datasets?|collections?|tables?|index(?:es)?)"
    r"(?:[\s_-]?(?:id|ids|uuid|guid|no|nr|num|number|key|ref|with|is|of|the|named|called))*"
    r"[\s_-]*[\"'`]?\s*[:=#]?\s*[\"'`(\[<#]?$",
    re.IGNORECASE,
)
_LOOK_BACK: Final = 48
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@lru_cache(maxsize=4096)
def snake(name: str) -> str:
    """The name of a field in lower snake case: `checkInDate` is `check_in_date`."""
    return _CAMEL.sub("_", name).lower().replace("-", "_")


def names_a_thing(before: str) -> bool:
    """Whether the text before an identifier, or the name of its field, says what it identifies."""
    return _THING.search(before) is not None


def find_uuids(text: str) -> Iterator[tuple[int, int]]:
    """The spans of every UUID and ULID, each kind from left to right."""
    for tail in _UUID.finditer(text) if "-" in text else ():
        start = tail.start() - 8
        if start >= 0 and _EIGHT.search(text, max(0, start - 1), tail.start()) is not None:
            yield start, tail.end()
    for match in _ULID.finditer(text) if "01" in text else ():
        if not text[match.start() - 1 : match.start()].isalnum():
            yield match.span()
    if len(text) == 32 and _UUID_HEX.fullmatch(text):  # noqa: PLR2004 - in prose it may be a digest
        yield 0, 32


def uuids(text: str, found: Callable[[str, str], str], before: str = "") -> str:
    """`text` with its UUIDs replaced by `found("uuid", uuid)`, but for those that name a thing."""
    done = 0
    pieces: list[str] = []
    for start, end in sorted(find_uuids(text)):
        if not names_a_thing(text[max(0, start - _LOOK_BACK) : start] or before):
            pieces += text[done:start], found("uuid", text[start:end])
            done = end
    return "".join((*pieces, text[done:])) if pieces else text


def calls(text: str, found: Callable[[str, str], str]) -> str:
    """`text` with the ids of tool calls replaced by `found("call", id)`."""
    if any(map(text.__contains__, _CALL_NEEDLES)):
        return _CALL.sub(
            lambda match: found("call", match[0]) if _mixed(match[0]) else match[0], text
        )
    return text


def is_token(text: str) -> bool:
    """Whether a whole value looks drawn at random: long, and letters mixed with digits."""
    if not _TOKEN.fullmatch(text):
        return False
    digits = sum(map(str.isdigit, text))
    return 2 <= digits < len(text)  # noqa: PLR2004 - a number alone, or a word with one digit, is none


def _mixed(name: str) -> bool:
    """Whether it was made by a machine: `call_customer_service` is a name, not an id."""
    return any(map(str.isdigit, name)) or not name.partition("_")[2].islower()


def secrets(text: str, found: Callable[[str, str], str]) -> str:
    """`text` with the pseudonyms of secrets replaced: every store has its own for a secret."""
    if "SECRET-" in text:
        return _SECRET.sub(lambda match: found("secret", match[0]), text)
    return text


def traces(text: str, found: Callable[[str, str], str]) -> str:
    """`text` without what coding agents and tracers put in: docs/matching.md lists it."""
    if "00-" in text:
        text = _TRACE.sub(lambda match: found("token", match[0]), text)
    if _BILLING_NEEDLE in text:
        text = _BILLING.sub(lambda match: found("token", match[0]), text)
    if "Wall time: " in text:
        text = _SHELL.sub(lambda match: (match[1] or "") + found("token", match[0]), text)
    if "_session_" in text:
        text = _DEVICE.sub(lambda match: found("token", match[0]), text)
    return text
