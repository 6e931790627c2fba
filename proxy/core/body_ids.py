"""The ids that a body brings: which of them name a run, and which only tell two agents apart."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from proxy.core.calls import Call
from proxy.core.correlation import BAGGAGE_KEYS, baggage_of, trace_of

# A body's word for what a header names as well: (the name's end, the witness it then agrees with).
_NAMES: Mapping[str, str] = {
    "run_id": "correlation-header",
    "correlation_id": "correlation-header",
    "session_id": "session-header",
    "thread_id": "session-header",
    "conversation_id": "session-header",
    "conversation": "session-header",
    "trace_id": "traceparent",
}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_USERS = ("metadata.user_id", "user")
_CACHE_KEY = "prompt_cache_key"
_UNIQUE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{17,22}|[0-9a-f]{16,}|[0-9A-HJKMNP-TV-Z]{26}"
)


class BodyId(NamedTuple):
    """An id that names a run: what was said, and the witness whose runs it names."""

    witness: str
    said: str


def naming(call: Call) -> BodyId | None:
    """The first id in the body that names a run, as a header of that kind would."""
    said = call.session
    for key, read in _CONTEXT:
        if (value := said.get(key)) and (found := read(value)):
            return found
    for wanted, witness in _NAMES.items():
        for key, value in said.items():
            if value and _plain(key) == wanted:
                return BodyId(witness, value)
    return None


def apart(call: Call) -> str | None:
    """What tells the agents of one client apart without naming a run: the user, a cache key.

    A cache key that is a word is an agent's kind; only a unique one is a conversation's.
    """
    said = call.session
    key = said.get(_CACHE_KEY)
    if key and _UNIQUE.search(key):
        return f"{_CACHE_KEY}:{key}"
    return next((f"user:{said[name]}" for name in _USERS if said.get(name)), None)


def _plain(key: str) -> str:
    """`metadata.runId`, `com.example/run_id` and `run.id` all say `run_id`; MCP's session does not.

    An MCP session is a connection to a server, which several runs may share.
    """
    if key == "mcp.session_id":
        return ""
    tail = key.rpartition("/")[2].removeprefix("metadata.")
    return _CAMEL.sub("_", tail).lower().replace("-", "_").replace(".", "_")


def _baggage(value: str) -> BodyId | None:
    found = baggage_of(value)
    return next((BodyId("baggage", found[key]) for key in BAGGAGE_KEYS if found.get(key)), None)


def _trace(value: str) -> BodyId | None:
    trace = trace_of(value.encode("utf-8", "replace"))
    return BodyId("traceparent", trace) if trace else None


# MCP's `_meta` carries them without a prefix (SEP-414).
_CONTEXT: tuple[tuple[str, Callable[[str], BodyId | None]], ...] = (
    ("baggage", _baggage),
    ("traceparent", _trace),
)
