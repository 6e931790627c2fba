"""Normalised JSON: the same tree without what differs from run to run.

Keys are walked in order, so that identifiers get the same number whatever order they came in. What
is replaced is kept in `Normaliser.left_out`.
"""

import operator
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

import orjson

from proxy.core import canonical
from proxy.core.matching import dates, ids, temp
from proxy.core.matching._api import Volatile
from proxy.core.redaction import names

JSON_TEXT: Final = "<json>"  # in front of a string that was JSON itself: normalised inside

# Fields that hold the id of a tool call, whatever it looks like.
CALL_FIELDS: Final = frozenset(("tool_call_id", "tool_use_id", "toolUseId", "toolCallId"))
# Objects whose `id` or `call_id` is one: by their type, or by the field they stand in.
CALL_TYPES: Final = frozenset(
    (
        "function",
        "tool_use",
        "server_tool_use",
        "tool-call",
        "tool-result",
        "tool_call",
        "tool_result",
    )
)
_CALL_SUFFIXES: Final = ("_call", "_call_output", "_tool_result")
CALL_PARENTS: Final = frozenset(
    (
        "tool_calls",
        "toolCalls",
        "functionCall",
        "functionResponse",
        "function_call",
        "function_response",
    )
)
# Fields whose value is left out if it looks random (in snake case).
TOKEN_FIELDS: Final = frozenset(
    (
        "client_request_id", "correlation_id", "idempotency_key", "idempotency_token", "nonce",
        "prompt_cache_key", "request_id", "request_token", "span_id", "trace_id", "traceparent",
        "x_request_id",
    )
)  # fmt: skip
# Fields whose number, if it is of the size of a Unix time, is one.
UNIX_FIELDS: Final = frozenset(
    (
        "client_time", "client_timestamp", "created_at", "current_time", "generated_at", "iat",
        "issued_at", "now", "request_time", "requested_at", "sent_at", "time", "timestamp", "ts",
        "updated_at", "_", "_t", "_ts", "cachebuster", "cb", "nocache",
    )
)  # fmt: skip
# Those that say when the client made something: `create_time`, `turn_started_at_unix_ms`.
_UNIX_NAMES: Final = re.compile(
    r"(?:create|created|creation|generated|issued|requested|sent|submitted|(?:turn|session)_started)"
    r"(?:_at|_time|_timestamp)?(?:_unix|_epoch)?(?:_(?:ns|us|ms|s|secs?|seconds|millis))?"
    r"|(?:client_|current_|request_)?(?:time|timestamp|now)_(?:ns|us|ms)"
)
# Whose call it is, in Anthropic's `metadata.user_id`, as Claude Code says it.
_USER_FIELDS: Final = frozenset(("device_id", "session_id", "account_uuid"))
_UNIX_TEXT: Final = re.compile(r"(?:1[4-9]|20)\d{8}(?:\d{3}|\d{6}|\.\d{1,9})?")
_UNIX_SCALES: Final = (1, 1_000, 1_000_000, 1_000_000_000)
_UNIX_SPAN: Final = (1_400_000_000, 2_100_000_000)  # 2014 to 2036

_CACHE_MARK: Final = "cache_control"
_first: Final = operator.itemgetter(0)
_RPC_META: Final = ("progressToken", "traceparent", "tracestate", "baggage")
_SHORTEST: Final = 5  # characters of the shortest volatile value
_ULID: Final = 26  # characters
_REMEMBERED: Final = 64  # fields of an object whose order is remembered
_WORTH_KEEPING: Final = (48, 4096)  # characters of a text that is remembered as clean
_FIRM: Final = frozenset(("uuid", "time"))
_ROUNDED: Final = float(1 << 63)


class RoundedError(Exception):
    """The tree holds a float that may stand for a larger integer: parse again, exactly."""


class Normaliser:
    """Normalises the parts of one request; identifiers are numbered across all of them."""

    __slots__ = ("_leaf", "_numbers", "_regexes", "left_out")

    def __init__(self, regexes: Iterable[re.Pattern[str]] = ()) -> None:
        self.left_out: list[Volatile] = []
        self._numbers: dict[str, int] = {}
        self._regexes = tuple(regexes)
        self._leaf = ""

    def found(self, kind: str, text: str) -> str:
        """Notes a volatile value; what stands in its place."""
        firm = kind in _FIRM or (kind == "date" and text == self._leaf)
        self.left_out.append(Volatile(kind, text, firm))
        if kind in ("uuid", "call", "secret"):
            number = self._numbers.setdefault(text.lower(), len(self._numbers) + 1)
            return f"<{kind}:{number}>"
        return "" if kind == "token" else f"<{kind}>"

    def ignored(self, text: str) -> str:
        """`text` without what the regexes of ignore rules match."""
        for pattern in self._regexes:
            text = pattern.sub("", text)
        return text

    def text(self, text: str, field: str = "") -> str:
        """A text that is no JSON; `field` is the name it goes by."""
        if self._regexes:
            text = self.ignored(text)
        if len(text) < _SHORTEST:
            return text
        if _WORTH_KEEPING[0] <= len(text) <= _WORTH_KEEPING[1] and _is_clean(text):
            return text  # as most are, and most have been seen: agents resend their history
        return self._scanned(text, field)

    def _scanned(self, text: str, field: str) -> str:
        self._leaf = text
        # What has no hyphen, slash or digit in the right place is done after a few scans in C.
        if "-" in text or "Wall time: " in text:
            text = ids.secrets(ids.traces(text, self.found), self.found)
        if "_" in text or "functions." in text:
            text = ids.calls(text, self.found)
        before = ids.snake(field) if field else ""
        if "-" in text or len(text) >= _ULID:
            text = ids.uuids(text, self.found, before)
        if "20" in text or ":" in text:
            text = dates.replace(text, self.found, before)
        if "/" in text or "\\" in text:
            text = temp.replace(text, self.found)
        return text

    def value(self, text: str, field: str = "") -> str:
        """A text value that may be JSON, a token or a time, going by the name of its field."""
        if (
            text[:1] in ("{", "[")
            and text[-1:] in ("}", "]")
            and (tree := _parse(text)) is not None
        ):
            mark = len(self.left_out)
            try:
                tree = self.tree(tree, field)
            except RoundedError:
                del self.left_out[mark:]
                tree = self.tree(exactly(canonical.loads(text)), field)
            inner = canonical.dumps(tree)
            return JSON_TEXT + inner.decode("utf-8", "surrogatepass")
        if field:
            name = ids.snake(field)
            if name in TOKEN_FIELDS and ids.is_token(text):
                self.found("token", text)
                return "<token>"
            if _is_unix_name(name) and _UNIX_TEXT.fullmatch(text):
                return self.found("unix", text)
        return self.text(text, field)

    def tree(self, value: Any, field: str = "") -> Any:
        """A JSON value; raises RoundedError where a float may be a rounded integer."""
        kind = type(value)
        if kind is str:
            # A word (a role, a type, a name) is most of the strings there are.
            plain = (len(value) < _SHORTEST or value.isalpha()) and not self._regexes
            return value if plain else self.value(value, field)
        if kind is dict:
            return self._object(value, field)
        if kind is list:
            return self._list(value, field)
        if kind is float and (value >= _ROUNDED or value <= -_ROUNDED) and value.is_integer():
            raise RoundedError
        if (kind is int or kind is float) and field and _is_unix(value, field):
            return self.found("unix", str(value))
        return value

    def _list(self, value: list[Any], field: str) -> list[Any]:
        """In order, but for results of parallel tool calls, which come as they get ready."""
        tree = self.tree
        out: list[Any] = []
        results: list[tuple[str, dict[str, Any]]] = []
        for item in value:
            if type(item) is dict and (call := _result_of(item)) is not None:
                results.append((call, item))
                continue
            if results:
                out += [tree(one, field) for one in self._asked_order(results)]
                results = []
            out.append(tree(item, field))
        return out + [tree(one, field) for one in self._asked_order(results)]

    def _asked_order(self, results: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
        """Results in the order of their calls, if all of those are known.

        A cache mark stays where it was: it says of a place how far to keep what was said.
        """
        found = [item for _, item in results]
        numbers = [self._numbers.get(call.lower(), 0) for call, _ in results]
        if len(set(numbers)) < len(numbers) or 0 in numbers or sorted(numbers) == numbers:
            return found
        marks = [item.get(_CACHE_MARK) for item in found]
        bare = [{key: value for key, value in item.items() if key != _CACHE_MARK} for item in found]
        ordered = [item for _, item in sorted(zip(numbers, bare, strict=True), key=_first)]
        pairs = zip(ordered, marks, strict=True)
        return [item if mark is None else {**item, _CACHE_MARK: mark} for item, mark in pairs]

    def _object(self, value: dict[str, Any], field: str) -> dict[str, Any]:
        kind = value.get("type")
        is_call = field in CALL_PARENTS or (type(kind) is str and _is_call(kind))
        out = {}
        plan = _plan if len(value) <= _REMEMBERED else _plan.__wrapped__
        for key, role in plan(tuple(value), is_call):
            item = value[key]
            if role and type(item) is str:
                out[key] = self.found(role, item)
            elif field == "user_id" and key in _USER_FIELDS and type(item) is str:
                out[key] = self.found("token", item)
            else:
                out[key] = self.tree(item, key)
        return out


@lru_cache(maxsize=4096)
def _plan(fields: tuple[str, ...], is_call: bool) -> list[tuple[str, str]]:
    """The fields of an object in order, each with what its value is by the field's name.

    That is `call`, `credential`, or "" where the name says nothing.
    """
    return [(field, _role(field, is_call=is_call)) for field in sorted(fields)]


def _role(field: str, *, is_call: bool) -> str:
    if field in CALL_FIELDS or (is_call and field in ("id", "call_id")):
        return "call"
    rule = names.key_rule(field.encode("utf-8", "replace"))
    return "credential" if rule in (names.Rule.STRONG, names.Rule.SCHEME) else ""


@lru_cache(maxsize=4096)
def _is_clean(text: str) -> bool:
    """Whether there is nothing volatile in a text, whatever the name of its field."""
    probe = Normaliser()
    return probe._scanned(text, "") == text and not probe.left_out  # noqa: SLF001 - its own class


def _result_of(item: dict[str, Any]) -> str | None:
    """The id of the tool call whose result an item of a conversation is; None if it is none."""
    found = item.get("tool_call_id") or item.get("tool_use_id")
    if found is None and "call_id" in item and str(item.get("type")).endswith("_call_output"):
        found = item["call_id"]
    if found is None and type(item.get("toolResult")) is dict:  # Bedrock
        found = item["toolResult"].get("toolUseId")
    return found if type(found) is str else None


def _parse(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


@lru_cache(maxsize=1024)
def _is_call(kind: str) -> bool:
    return kind in CALL_TYPES or kind.endswith(_CALL_SUFFIXES)


@lru_cache(maxsize=4096)
def _is_unix_name(name: str) -> bool:
    """Whether a number of that size in a field of this name (in snake case) is a time."""
    return name in UNIX_FIELDS or _UNIX_NAMES.fullmatch(name) is not None


def _is_unix(value: float, field: str) -> bool:
    if not _is_unix_name(ids.snake(field)):
        return False
    low, high = _UNIX_SPAN
    return any(low * scale <= value < high * scale for scale in _UNIX_SCALES)


def plain_rpc(tree: Any) -> Any:
    """A JSON-RPC message (or batch) without its id, progress token and trace context."""
    if type(tree) is list:
        return [plain_rpc(item) for item in tree]
    if type(tree) is not dict or "jsonrpc" not in tree:
        return tree
    out = {key: value for key, value in tree.items() if key != "id"}
    params = out.get("params")
    if type(params) is dict:
        meta = params.get("_meta")
        params = {key: value for key, value in params.items() if key != "_meta"}
        if type(meta) is dict and (kept := {k: v for k, v in meta.items() if k not in _RPC_META}):
            params["_meta"] = kept
        if tree.get("method") == "notifications/cancelled":
            params.pop("requestId", None)
        out["params"] = params
    return out


def exactly(value: Any) -> Any:
    """Integers beyond 64 bits as text that no string can be, large floats as theirs."""
    if type(value) is dict:
        return {key: exactly(item) for key, item in value.items()}
    if type(value) is list:
        return [exactly(item) for item in value]
    if type(value) in (int, float) and abs(value) >= 1 << 63:
        return {"<number>": repr(value)}
    return value
