"""Is a stdio MCP server, from a recording: each recorded call is answered once, by its arguments.

The handshake and the lists are answered as recorded however often and by whatever client they are
asked for. A miss is a JSON-RPC error that names the recorded call that comes closest. A server that
ended in the middle of a call ends there again, and one that asked its client something does, too.
"""

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from proxy.config import Settings
from proxy.core import jsonrpc, loose
from proxy.core.model import End, Exchange, RequestHead, Run
from proxy.core.recording import ignore_rules
from proxy.core.replay import Fixtures, Hit, Miss, Playback, adapted, miss_body, miss_text
from proxy.core.replay.asks import Ask, Asks
from proxy.core.wire.mcp import FROM_SERVER, STDIO, TOO_LATE
from proxy.errors import ConfigError, DashcamError
from proxy.importers import load
from proxy.launch.api_client import ApiClient
from proxy.mcp.asking_back import AskingBack
from proxy.mcp.pairing import Lines
from proxy.replays import step_of
from proxy.runtime import redactor_of
from proxy.stores import open_store

DIVERGED, DIED = 2, 1
_LISTS: Final = ("tools", "prompts", "resources", "resources/templates")
_HANDSHAKE: Final = frozenset(
    ("initialize", "server/discover", "ping", *(f"{name}/list" for name in _LISTS))
)
_EMPTY: Final = frozenset(("ping", "logging/setLevel"))  # a server has nothing to say to these
_NOT_FOUND, _INTERNAL = -32601, -32603
_READ = 1 << 16
_WIDTH = 100


class ServerDied(Exception):  # noqa: N818 - not an error of ours: it is what was recorded
    """The recorded server ended here."""


@dataclass(slots=True)
class Server:
    """Answers lines. `playback` has all calls but the handshake, which is in `handshake`."""

    name: str
    playback: Playback
    handshake: dict[tuple[str, Any], list[Exchange]]
    back: AskingBack = field(default_factory=AskingBack)
    missed: int = 0
    served: int = 0
    said: list[str] = field(default_factory=list)

    def answer(self, line: bytes) -> bytes:
        """What the server says to a line of its client; empty when it says nothing."""
        asked = jsonrpc.of_kind(jsonrpc.messages(loose.parse(line).value), "request")
        if not asked:
            return self.back.answered(line)
        method = jsonrpc.method(asked[0])
        head = RequestHead("POST", STDIO, self.name, 0, "/", "stdio")
        if len(asked) == 1 and (found := self._known(asked[0])) is not None:
            return self._played(found, head, line)
        if len(asked) == 1 and method in _EMPTY:
            return _message(asked[0], result={})
        if len(asked) == 1 and method == "server/discover":  # recorded with an older client
            return _error(asked, _NOT_FOUND, "Method not found")
        found_call = self.playback.decide(head, line)
        if isinstance(found_call, Hit):
            return self._played(found_call.exchange, head, line)
        assert isinstance(found_call, Miss)  # noqa: S101 - this playback goes live nowhere
        self.missed += 1
        text = miss_text(found_call, _WIDTH)
        self.said.append(text)
        return _error(asked, _INTERNAL, f"Dashcam: {text}", miss_body(found_call))

    def _known(self, message: jsonrpc.Message) -> Exchange | None:
        """The next recorded answer to a method of the handshake; the last one again and again."""
        found = self.handshake.get(_handshake_key(message))
        if not found:
            return None
        return found.pop(0) if len(found) > 1 else found[0]

    def _played(self, exchange: Exchange, head: RequestHead, line: bytes) -> bytes:
        self.served += 1
        if TOO_LATE in exchange.notes:
            return b""  # its client will give it up again
        answer = adapted(exchange, head, line).response_body.data
        if exchange.end is End.UPSTREAM_TRUNCATED:
            raise ServerDied(answer, exchange.error or "the server ended")
        return self.back.begin(answer, self.playback.fixtures.asks.get(exchange.id, ()))


def replayed(settings: Settings, ref: str, name: str | None, *, named: bool) -> int:
    """Plays a server of a recording on our stdin and stdout until its client leaves.

    Args:
        settings: Where the store is.
        ref: A run, or a recording's file.
        name: The server; None or, unless `named`, another one: the only one that is recorded.
        named: Whether the user has named it.
    """
    server = make_server(settings, ref, name, named=named)
    code = 0
    try:
        serve(server.answer)
    except ServerDied as died:
        _write(died.args[0])
        server.said.append(died.args[1])
        code = DIED
    for text in server.said:
        _tell(text)
    _tell(f"replay of {ref} · {server.name}: {server.served} served, {server.missed} missed")
    return code or (DIVERGED if server.missed else 0)


def relayed(api: ApiClient, run_id: str, name: str) -> int:
    """Plays a server on our stdin and stdout with the replay that runs at `api`.

    Every message goes there, so that its report has all of them.
    """
    back = AskingBack()
    try:
        serve(lambda line: relay(api, run_id, name, line, back))
    except ServerDied as died:
        _write(died.args[0])
        _tell(died.args[1])
        return DIED
    return 0


def relay(api: ApiClient, run_id: str, name: str, line: bytes, back: AskingBack) -> bytes:
    """What the replay at `api` has the server say to a line. Raises ServerDied."""
    found = jsonrpc.messages(loose.parse(line).value)
    asked = jsonrpc.of_kind(found, "request")
    if len(found) == len(jsonrpc.of_kind(found, "response")):
        return back.answered(line)  # or no message at all
    body = {"runId": run_id, "server": name, "message": line.decode("utf-8", "replace")}
    try:
        said = api.post("/answers", body)
    except DashcamError as error:
        return _error(asked, _INTERNAL, error.message)
    answer, end = str(said.get("body") or "").encode(), said.get("end")
    if end == End.UPSTREAM_TRUNCATED:
        raise ServerDied(answer, str(said.get("error")))
    if end == End.COMPLETE:
        asked_then = loose.array(said.get("asks"))
        return back.begin(answer, [Ask(before, text.encode()) for before, text in asked_then])
    if end not in (End.MISSED, End.REFUSED):
        return b""  # the client had left, or cancelled
    missed = loose.obj(loose.parse(answer).value)
    text = loose.text(loose.obj(missed.get("error")).get("message")) or str(said.get("error"))
    return _error(asked, _INTERNAL, text, missed.get("dashcam"))


def make_server(settings: Settings, ref: str, name: str | None, *, named: bool) -> Server:
    """The server of a recording. Raises ConfigError, RecordingNotFound, RecordingFormatError."""
    if ref.endswith(".jsonl") or Path(ref).is_file():
        snapshots = load(Path(ref))
        if len(snapshots) != 1:
            raise ConfigError(f"{ref} holds {len(snapshots)} runs; a replay is of one")
        return _of(snapshots[0].run, snapshots[0].exchanges, name, named=named)
    store = open_store(settings.store, create=False, vault=settings.vault)
    try:
        run = store.find_run(ref)
        redact = redactor_of(settings, store).request
        return _of(run, store.exchanges(run.id), name, named=named, redact=redact)
    finally:
        store.close()


def _of(
    run: Run, exchanges: Iterable[Exchange], name: str | None, *, named: bool, redact: Any = None
) -> Server:
    recorded: dict[str, list[Exchange]] = defaultdict(list)
    asks = Asks()
    for exchange in exchanges:
        asks.add(exchange)
        if exchange.request.scheme == STDIO and exchange.request.target != FROM_SERVER:
            recorded[exchange.request.host].append(exchange)
    if not recorded:
        raise ConfigError(
            f"{run.id} has no call to a stdio MCP server",
            hint="record one: dashcam mcp -- SERVER CMD",
        )
    if name not in recorded:
        if named or len(recorded) > 1:
            known = ", ".join(sorted(recorded))
            raise ConfigError(
                f"{run.id} has no MCP server {name or 'without a name'}",
                hint=f"name one of them with --name: {known}",
            )
        name = next(iter(recorded))
    handshake: dict[tuple[str, Any], list[Exchange]] = defaultdict(list)
    calls = []
    for exchange in recorded[name]:
        asked = jsonrpc.messages(loose.parse(exchange.request_body.data).value)
        if len(asked) == 1 and jsonrpc.method(asked[0]) in _HANDSHAKE:
            handshake[_handshake_key(asked[0])].append(exchange)
        elif jsonrpc.of_kind(asked, "request"):
            calls.append(exchange)
    fixtures = Fixtures.of(calls, steps=step_of, ignore_rules=ignore_rules(run), redact=redact)
    fixtures.asks = asks.found()
    return Server(name, Playback(fixtures), dict(handshake))


def serve(answer: Callable[[bytes], bytes], *, stdin: int = 0, stdout: int = 1) -> None:
    """Answers each line that comes in, until there are no more."""
    for line in _lines(stdin):
        if said := answer(line):
            _write(said, stdout)


def _lines(stdin: int) -> Iterator[bytes]:
    lines = Lines()
    while data := os.read(stdin, _READ):
        yield from lines.feed(data)
    yield from lines.close()


def _write(data: bytes, stdout: int = 1) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(stdout, view) :]


def _handshake_key(message: jsonrpc.Message) -> tuple[str, Any]:
    """Method and cursor: lists come in pages."""
    return jsonrpc.method(message), loose.text(jsonrpc.params(message).get("cursor"))


def _message(asked: jsonrpc.Message, **body: Any) -> bytes:
    return loose.dumps({"jsonrpc": "2.0", "id": asked.get("id"), **body}) + b"\n"


def _error(asked: Iterable[jsonrpc.Message], code: int, message: str, data: Any = None) -> bytes:
    error = {"code": code, "message": message} | ({} if data is None else {"data": data})
    return b"".join(_message(one, error=error) for one in asked)


def _tell(text: str) -> None:
    sys.stderr.write("".join(f"dashcam: {line}\n" for line in text.splitlines()))
