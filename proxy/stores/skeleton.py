"""What stays in clear of the rows of a sealed run, and the rest of them.

A timeline must be legible without the key: what was called, when, how it ended, what it used and
cost. Whatever else an event's data has is sealed beside that, as texts of base64 under `sealed`
(several of a group, which grows). An outcome's words are sealed whole.
"""

import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import zstandard

from proxy.errors import StoreError
from proxy.stores import jsontext
from proxy.stores.seals import Forged, Locked, RunSeal, Seals

SHAPE: Final = 0
"""In the column `shape` of an event whose data is sealed."""
LOCKED: Final = "(sealed)"
"""Stands for words that the key does not open."""
DAMAGED: Final = "(damaged)"
"""Stands for words that are not what was sealed."""

_TEXT = 256  # characters; a longer text is nobody's name
_MARK = b"\xff"  # no text begins so, in UTF-8
_SEALED = "sealed"
_CLEAR: Final = frozenset(
    (
        *("exchangeId", "exchange", "seq", "step", "method", "statusCode", "end", "attempt"),
        *("latencyMs", "ttfbMs", "backoffMs", "requestBytes", "responseBytes", "frames", "turn"),
        *("retryOf", "stream", "servedFrom", "validator", "subject", "side", "mode", "breaking"),
    )
)
_CLEAR_OF_CALL: Final = frozenset(
    (
        *("protocol", "provider", "model", "servedModel", "messages", "tools", "finishReason"),
        *("refused", "empty", "streamed", "complete", "usage", "serviceTier", "inputTokens"),
        *("outputTokens", "cacheReadTokens", "cacheWriteTokens", "reasoningTokens", "costUsd"),
        *("priceSource", "priceVersion"),
    )
)


class Opener(NamedTuple):
    """The keys of a store, and the connection by which they are found."""

    connection: sqlite3.Connection
    seals: Seals


def seal_data(data: Mapping[str, Any], seal: RunSeal, event: int, *, kind: str) -> str:
    """An event's data as it is stored: JSON with what is clear, and the rest sealed."""
    clear = _clear(data, kind)
    rest = {key: value for key, value in data.items() if key not in clear or clear[key] != value}
    sealed = [_token(rest, seal, event)] if rest else []
    return jsontext.dumps({**clear, _SEALED: sealed})


def grown(stored: str, added: Mapping[str, Any], seal: RunSeal, event: int) -> str:
    """The stored data of a group with more data, sealed; what it has may be locked."""
    held = jsontext.loads(stored)
    return jsontext.dumps({**held, _SEALED: [*held.get(_SEALED, ()), _token(added, seal, event)]})


def open_data(stored: str, event: int, opener: Opener) -> dict[str, Any]:
    """An event's data as it was given; what is clear, and `sealed`, where the key does not open it.

    Raises StoreError for what is damaged.
    """
    found: dict[str, Any] = jsontext.loads(stored)
    tokens = found.pop(_SEALED, ())
    try:
        for token in tokens:
            packed = opener.seals.open(opener.connection, b64decode(token), _place(event))
            found |= jsontext.loads(zstandard.decompress(packed).decode())
    except Locked:
        return found | {_SEALED: True}
    except (ValueError, TypeError, zstandard.ZstdError) as error:
        raise Forged(f"event {event} cannot be read: {error}") from error
    except Forged as error:
        raise Forged(f"event {event}: {error.message}") from error
    return found


def seal_words(text: str | None, seal: RunSeal, field: str) -> bytes | None:
    """A text for a column."""
    if text is None:
        return None
    return _MARK + seal.seal(text.encode("utf-8", "surrogatepass"), field.encode())


def open_words(value: Any, field: str, opener: Opener) -> Any:
    """What `seal_words` was given, LOCKED, or DAMAGED; any other value as it is."""
    if not isinstance(value, bytes) or value[:1] != _MARK:
        return value
    try:
        found = opener.seals.open(opener.connection, value[1:], field.encode())
    except Locked:
        return LOCKED
    except Forged:
        return DAMAGED
    return found.decode("utf-8", "surrogatepass")


def problem(stored: Any, event: int, opener: Opener) -> str | None:
    """What is wrong with an event's sealed data, as far as the key can tell."""
    try:
        open_data(stored, event, opener)
    except StoreError as error:
        return error.message
    return None


def _clear(data: Mapping[str, Any], kind: str) -> dict[str, Any]:
    if kind == "group":
        return {"path": data["path"]} if "path" in data else {}
    clear = {key: value for key, value in data.items() if key in _CLEAR and _is_plain(value)}
    url = data.get("url")
    if isinstance(url, str):
        clear["url"] = url.partition("?")[0]
    call = data.get("call")
    if isinstance(call, Mapping):
        clear["call"] = {
            key: value for key, value in call.items() if key in _CLEAR_OF_CALL and _is_plain(value)
        }
    return clear


def _is_plain(value: Any) -> bool:
    """A number or a name, or a list of names."""
    if isinstance(value, list | tuple):
        return all(isinstance(one, str) and len(one) <= _TEXT for one in value)
    return not isinstance(value, Mapping) and not (isinstance(value, str) and len(value) > _TEXT)


def _token(data: Mapping[str, Any], seal: RunSeal, event: int) -> str:
    packed = zstandard.compress(jsontext.dumps(data).encode())
    return b64encode(seal.seal(packed, _place(event))).decode()


def _place(event: int) -> bytes:
    return b"event %d" % event
