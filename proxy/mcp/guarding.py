"""Enforced schemas over stdio: which lines go on, and what their sender or reader gets instead.

The tools' own schemas are learned from the server's answers to `tools/list`. A line that breaks an
enforced schema does not go on: a bad call is answered here and never reaches the server, a bad
result is replaced by an error. Other lines pass byte for byte, each as soon as it is whole.
"""

import threading
from typing import Any, NamedTuple

from proxy.core import jsonrpc, loose
from proxy.core.schemas import Book, enforcing
from proxy.core.schemas.enforcing import REASON, Tool
from proxy.core.validators import Learned
from proxy.core.wire.mcp import CALL

_LIST = "tools/list"
_INVALID_PARAMS, _INTERNAL = -32602, -32603
_PATIENCE = 5.0  # seconds that a call waits for a list of tools that was asked for before it
_MOST = 10_000  # calls that wait for their answers


class Stopped(NamedTuple):
    """A line that does not go on: what the client is told, and why, for the record.

    `keys` are of the requests that end so; `withheld` says that the line was the server's answer.
    """

    reply: bytes
    keys: tuple[str, ...]
    reason: str
    withheld: bool


class Guard:
    """One connection to a server; `client` and `server` are called from a thread each."""

    def __init__(self, book: Book, server: str) -> None:
        self._book = book
        self._server = server
        self._learned: dict[str, Learned] = {}
        self._lists: set[str] = set()
        self._waiting: dict[str, Tool] = {}
        self._lock = threading.Condition()

    def client(self, line: bytes) -> Stopped | None:
        """Why a client's line does not go on; None when it does."""
        sent = loose.parse(line).value
        messages = jsonrpc.messages(sent)
        if not any(jsonrpc.method(message) in (CALL, _LIST) for message in messages):
            return None
        with self._lock:
            if any(jsonrpc.method(message) == CALL for message in messages):
                self._lock.wait_for(lambda: not self._lists, _PATIENCE)
            found = enforcing.tools(self._book, self._learned, self._server, messages)
            bad = enforcing.bad_arguments(found)
            if bad is None:
                self._remember(messages, found)
                return None
        said = enforcing.refused_words(bad)
        reply = enforcing.rpc_error(sent, _INVALID_PARAMS, said, bad) + b"\n"
        asked = jsonrpc.of_kind(messages, "request")
        if not asked:  # nobody waits for an answer
            reply = b""
        keys = tuple(jsonrpc.key(message) for message in asked)
        return Stopped(reply, keys, f"{REASON}: {said}", withheld=False)

    def server(self, line: bytes) -> Stopped | None:
        """Why a server's line does not go on; None when it does."""
        with self._lock:
            if not self._lists and not self._waiting:
                return None
            got = loose.parse(line).value
            answers = jsonrpc.of_kind(jsonrpc.messages(got), "response")
            keys = tuple(jsonrpc.key(message) for message in answers)
            for key, message in zip(keys, answers, strict=True):
                if key in self._lists:
                    self._lists.discard(key)
                    self._learn(message)
                    self._lock.notify_all()
            found = [self._waiting.pop(key) for key in keys if key in self._waiting]
            bad = enforcing.bad_results(found, answers)
        if bad is None:
            return None
        said = enforcing.withheld_words(bad)
        asked: Any = [{"method": CALL, "id": message.get("id")} for message in answers]
        one = asked if isinstance(got, list) else asked[0]
        reply = enforcing.rpc_error(one, _INTERNAL, said) + b"\n"
        return Stopped(reply, keys, f"{REASON}: {said}", withheld=True)

    def _remember(self, messages: list[jsonrpc.Message], found: list[Tool]) -> None:
        for message in jsonrpc.of_kind(messages, "request"):
            if jsonrpc.method(message) == _LIST:
                self._lists.add(jsonrpc.key(message))
        for tool in found:
            if tool.known.output is not None and len(self._waiting) < _MOST:
                self._waiting[tool.key] = tool

    def _learn(self, message: jsonrpc.Message) -> None:
        for tool in loose.objects(loose.obj(message.get("result")).get("tools")):
            schemas = [
                found if isinstance(found := tool.get(side), dict) else None
                for side in ("inputSchema", "outputSchema")
            ]
            if len(self._learned) < _MOST and any(schemas):
                self._learned[f"mcp:{self._server}/{tool.get('name')}"] = Learned(*schemas)
