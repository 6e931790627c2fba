"""The HTTP API under /api/v1: runs, events, outcomes, exchanges, a live stream. JSON throughout.

One literal table of routes; the OpenAPI document is made from it.
"""

import asyncio
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from aiohttp import web

from proxy.core import loose, records
from proxy.core.model import FAILURE_MODES, Event, Exchange, Outcome, Own, RequestHead, Run
from proxy.core.objects import event_object, exchange_object, row_object, run_object
from proxy.core.outcomes import as_object, current_outcome
from proxy.core.wire.mcp import STDIO
from proxy.engine.asking import ask
from proxy.engine.clock import new_id, wall
from proxy.engine.engine import Engine
from proxy.errors import RecordingNotFound, StoreUnavailable
from proxy.stores._api import AddEvent, AddOutcome, OpenRun, RunQuery, Store, Write

_POLL = 0.25  # seconds between looks at the store for the live stream
_FIRST, _LAST = -62_135_596_800.0, 253_402_300_799.0  # Unix seconds: the years 1 to 9999
_MOST_RUNS = 1_000_000  # in one answer
_LONGEST_NAME = 1000  # characters of an id, a label, or an event's name
_CODES = range(-(1 << 31), 1 << 32)  # exit codes of any system
_EVENT_KINDS = ("group", "tool_call", "retrieval", "validation", "guard", "state")


class Route(NamedTuple):
    """One route of the API; `summary` goes into the OpenAPI document."""

    method: str
    path: str
    name: str
    summary: str


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/runs",
        "list_runs",
        "Runs, newest first; filters label, outcome, text, search, limit.",
    ),
    Route("POST", "/runs", "open_run", "Announces a run: id, label, metadata, parent, listen."),
    Route("GET", "/runs/{id}", "get_run", "One run, by id, unique prefix or `last`."),
    Route("POST", "/runs/{id}/close", "close_run", "Ends a run: exitCode if it had one."),
    Route("GET", "/runs/{id}/events", "list_events", "The timeline of a run."),
    Route("GET", "/runs/{id}/outcome", "get_outcome", "The verdict that counts."),
    Route("POST", "/runs/{id}/outcome", "set_outcome", "The caller's verdict; it always wins."),
    Route("GET", "/exchanges/{id}", "get_exchange", "One exchange with its bodies."),
    Route("GET", "/exchanges/{id}/request", "get_request", "The request body, byte for byte."),
    Route("GET", "/exchanges/{id}/response", "get_response", "The response body, byte for byte."),
    Route("POST", "/events", "add_events", "One event or a list: what does not go over HTTP."),
    Route("POST", "/exchanges", "add_exchanges", "One exchange or a list, as in a recording."),
    Route("POST", "/answers", "answer", "In a replay: what a stdio MCP server answers a message."),
    Route("GET", "/stream", "stream", "Events as they are stored, as server-sent events."),
    Route("GET", "/replays", "list_replays", "The reports of the replays that are going on."),
    Route("GET", "/status", "status", "What the recorder has stored, and what it could not."),
)


class Listeners(Protocol):
    """What the API needs of the forward proxy: a port for a run."""

    async def open(self, run_id: str) -> int:
        """Opens a listener of the run's own and says its port."""

    def close(self, run_id: str) -> None:
        """Closes it."""


@dataclass(slots=True)
class Api:
    """The handlers. `reports` gives the running replays' reports, `ca` the public certificate."""

    engine: Engine
    store: Store
    listeners: Listeners | None = None
    reports: Callable[[], list[dict[str, Any]]] = list
    ca: str | None = None

    def routes(self) -> list[web.RouteDef]:
        """The table as aiohttp wants it."""
        return [
            web.route(route.method, f"/api/v1{route.path}", getattr(self, route.name))
            for route in ROUTES
        ]

    async def list_runs(self, request: web.Request) -> web.Response:
        """See ROUTES."""
        asked = request.query
        query = RunQuery(
            label=asked.get("label"),
            outcome=asked.get("outcome"),
            text=asked.get("text"),
            search=asked.get("search"),
            since=_number(asked, "since", _FIRST, _LAST),
            until=_number(asked, "until", _FIRST, _LAST),
            limit=int(_number(asked, "limit", 0, _MOST_RUNS) or 50),
        )
        rows = await asyncio.to_thread(self.store.runs, query)
        found = _json([row_object(row) for row in rows])
        if query.search is not None and (sealed := await asyncio.to_thread(self.store.sealed)).runs:
            found.headers["Dashcam-Not-Searched"] = f"{sealed.runs} sealed runs"
        return found

    async def open_run(self, request: web.Request) -> web.Response:
        """See ROUTES."""
        given = await _object(request)
        metadata = given.get("metadata") or {}
        if not isinstance(metadata, dict):
            raise _bad("metadata is a JSON object")
        if given.get("parent"):
            metadata = {**metadata, "parent": str(given["parent"])}
        run_id = _name(given, "id") or new_id("run")
        run = Run(run_id, _name(given, "label") or "agent", run_id, wall(), metadata=metadata)
        self.engine.open_run(run)
        answer = run_object(run)
        if given.get("listen"):
            if self.listeners is None:
                raise _bad("this Dashcam has no forward proxy")
            answer["proxyPort"] = await self.listeners.open(run_id)
            answer["ca"] = self.ca
        return _json(answer, status=201)

    async def get_run(self, request: web.Request) -> web.Response:
        """See ROUTES."""
        run = await self._run(request)
        outcome = current_outcome(await asyncio.to_thread(self.store.outcomes, run.id))
        return _json(run_object(run) | {"verdict": as_object(outcome) if outcome else None})

    async def close_run(self, request: web.Request) -> web.Response:
        """See ROUTES."""
        given = await _object(request)
        code = given.get("exitCode")
        if code is not None and (type(code) is not int or code not in _CODES):
            raise _bad("exitCode is a whole number, as systems have it")
        run_id = request.match_info["id"]
        ended_by = "exit" if code is not None else "told"
        if self.listeners is not None:
            self.listeners.close(run_id)
        await self.engine.close_run(run_id, exit_code=code, ended_by=ended_by)
        return _json(run_object(await asyncio.to_thread(self.store.find_run, run_id)))

    async def list_events(self, request: web.Request) -> web.Response:
        """See ROUTES."""
        run = await self._run(request)
        events = await asyncio.to_thread(self.store.events, run.id)
        return _json([event_object(event) for event in events])

    async def get_outcome(self, request: web.Request) -> web.Response:
        """See ROUTES."""
        run = await self._run(request)
        outcome = current_outcome(await asyncio.to_thread(self.store.outcomes, run.id))
        if outcome is None:
            raise web.HTTPNotFound(text=_error_text("the run is still open: it has no outcome"))
        return _json(as_object(outcome))

    async def set_outcome(self, request: web.Request) -> web.Response:
        """See ROUTES."""
        given = await _object(request)
        run_id = request.match_info["id"]
        live = self.engine.runs.live.get(run_id)
        run = live.run if live else await self._run(request)
        outcome = _outcome(run, given)
        await self._keep(OpenRun(run), AddOutcome(outcome))
        return _json(as_object(outcome), status=201)

    async def get_exchange(self, request: web.Request) -> web.Response:
        """See ROUTES."""
        found = await asyncio.to_thread(self.store.exchange, request.match_info["id"])
        return _json(exchange_object(found))

    async def get_request(self, request: web.Request) -> web.Response:
        """See ROUTES."""
        found = await asyncio.to_thread(self.store.exchange, request.match_info["id"])
        return _raw(found.request_body.data)

    async def get_response(self, request: web.Request) -> web.Response:
        """See ROUTES."""
        found = await asyncio.to_thread(self.store.exchange, request.match_info["id"])
        return _raw(found.response_body.data)

    async def add_events(self, request: web.Request) -> web.Response:
        """See ROUTES."""
        given = await _body(request)
        items = given if isinstance(given, list) else [given]
        events = [_event(item) for item in items]
        await self._open({event.run_id for event in events})
        await self._keep(*[AddEvent(event) for event in events])
        return _json({"added": len(events)}, status=201)

    async def add_exchanges(self, request: web.Request) -> web.Response:
        """See ROUTES."""
        given = await _body(request)
        exchanges = [_exchange(item) for item in (given if isinstance(given, list) else [given])]
        await self._open({exchange.run_id for exchange in exchanges})
        waiters = [waiter for one in exchanges if (waiter := self.engine.add(one)) is not None]
        for waiter in waiters:
            await self.engine.settled(waiter)
        return _json({"added": len(exchanges)}, status=201)

    async def answer(self, request: web.Request) -> web.Response:
        """See ROUTES."""
        given = await _object(request)
        run_id, server, message = (given.get(name) for name in ("runId", "server", "message"))
        if not (isinstance(run_id, str) and isinstance(server, str) and isinstance(message, str)):
            raise _bad("a message has runId, server and message, all of them text")
        if not self._replaying:
            raise _bad("this Dashcam does not replay")
        head = RequestHead("POST", STDIO, server, 0, "/", "stdio")
        said = await ask(self.engine, run_id, head, message.encode("utf-8", "replace"))
        body = said.body.decode("utf-8", "replace")
        answer: dict[str, Any] = {"body": body, "end": str(said.end), "error": said.error}
        if said.asks:
            asks = [[ask.before, ask.line.decode("utf-8", "replace")] for ask in said.asks]
            answer["asks"] = asks
        return _json(answer)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """See ROUTES."""
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        mark, _ = await asyncio.to_thread(self.store.changes, -1)
        await response.prepare(request)  # only now: whoever has the head misses nothing after it
        quiet = 0.0
        while not request.transport or not request.transport.is_closing():
            mark, events = await asyncio.to_thread(self.store.changes, mark)
            for event in events:
                body = _text(event_object(event))
                await response.write(b"event: %b\ndata: %b\n\n" % (event.kind.encode(), body))
            quiet = 0.0 if events else quiet + _POLL
            if quiet >= 15:  # noqa: PLR2004 - seconds; keeps the connection's middlemen awake
                await response.write(b": still here\n\n")
                quiet = 0.0
            await asyncio.sleep(_POLL)
        return response

    async def list_replays(self, _request: web.Request) -> web.Response:
        """See ROUTES."""
        return _json(self.reports())

    async def status(self, _request: web.Request) -> web.Response:
        """See ROUTES."""
        counters = self.engine.writer.counters
        return _json(
            {
                "process": os.getpid(),
                "stored": counters.stored,
                "gaps": counters.gaps,
                "queuedBytes": counters.queued_bytes,
                "lastCommit": counters.last_commit or None,
                "replaying": self._replaying,
                "openRuns": len(self.engine.runs.live),
                "recentGaps": [{"at": gap.since, "reason": gap.reason} for gap in counters.recent],
            }
        )

    @property
    def _replaying(self) -> bool:
        """Whether every request is answered from a recording."""
        return self.engine.replays is not None and self.engine.replays.wants(Own())

    async def _run(self, request: web.Request) -> Run:
        return await asyncio.to_thread(self.store.find_run, request.match_info["id"])

    async def _keep(self, *writes: Write) -> None:
        """Returns once it is stored; StoreUnavailable when it is not, and will not be."""
        if not await self.engine.writer.write(*writes):
            raise StoreUnavailable("it was not stored", hint="see /recordingz, and try again")

    async def _open(self, run_ids: set[str]) -> None:
        """Makes those of the runs that neither this process nor the store knows."""
        for run_id in run_ids - set(self.engine.runs.live):
            if not await self._exists(run_id):
                self.engine.writer.put(OpenRun(Run(run_id, "agent", run_id, wall())))

    async def _exists(self, run_id: str) -> bool:
        try:
            return (await asyncio.to_thread(self.store.find_run, run_id)).id == run_id
        except RecordingNotFound:
            return False


def openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 document of ROUTES."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        operation: dict[str, Any] = {
            "operationId": route.name,
            "summary": route.summary,
            "responses": {"200": {"description": "OK"}},
        }
        if "{id}" in route.path:
            operation["parameters"] = [
                {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
            ]
        paths.setdefault(f"/api/v1{route.path}", {})[route.method.lower()] = operation
    return {"openapi": "3.1.0", "info": {"title": "Dashcam", "version": "1"}, "paths": paths}


def _outcome(run: Run, given: Mapping[str, Any]) -> Outcome:
    mode = given.get("failureMode")
    status = given.get("status") or ("Failed" if mode else None)
    if status not in ("Completed", "Failed"):
        raise _bad("status is Completed or Failed")
    if status == "Failed" and mode not in FAILURE_MODES:
        raise _bad(f"failureMode is one of {', '.join(FAILURE_MODES)}")
    if status == "Completed" and mode is not None:
        raise _bad("a Completed run has no failureMode")
    retryable = given.get("retryable")
    if retryable is not None and not isinstance(retryable, bool):
        raise _bad("retryable is true, false or null")
    return Outcome(
        run_id=run.id,
        label=run.label,
        status=status,
        failure_mode=mode,
        reason=_optional(given, "reason"),
        retryable=retryable,
        user_impact=_optional(given, "userImpact"),
        created_at=wall(),
        source="caller",
    )


def _event(given: Any) -> Event:
    if not isinstance(given, dict):
        raise _bad("an event is an object with runId, kind and name")
    run_id, name = _name(given, "runId"), _name(given, "name")
    if not run_id or not name:
        raise _bad("an event has runId, kind and name")
    kind = given.get("kind")
    if kind not in _EVENT_KINDS:
        raise _bad(f"kind is one of {', '.join(_EVENT_KINDS)}")
    status = given.get("status") or "ok"
    if status not in ("ok", "error"):
        raise _bad("status is ok or error")
    data = given.get("data") or {}
    if not isinstance(data, dict):
        raise _bad("data is a JSON object")
    started = _time(given, "startedAt")
    return Event(
        run_id=run_id,
        kind=kind,
        name=name,
        started_at=wall() if started is None else started,
        ended_at=_time(given, "endedAt"),
        status=status,
        data=data,
    )


def _exchange(given: Any) -> Exchange:
    try:
        found = records.read(records.EXCHANGE, given)
    except ValueError as error:
        raise _bad(f"an exchange as in a recording is needed: {error}") from None
    assert isinstance(found, Exchange)  # noqa: S101 - the record's class
    return found


def _time(given: Mapping[str, Any], key: str) -> float | None:
    """Unix seconds, given as a number or as an ISO 8601 text."""
    value = given.get(key)
    if value is None:
        return None
    try:
        number = type(value) in (int, float)
        found = float(value) if number else datetime.fromisoformat(str(value)).timestamp()
    except (ValueError, OverflowError):
        found = math.nan
    if not _FIRST <= found <= _LAST:
        raise _bad(f"{key} is Unix seconds or an ISO 8601 time")
    return found


def _name(given: Mapping[str, Any], key: str) -> str | None:
    """A text that something goes by; a number will do. None when there is none, or it is empty."""
    value = given.get(key)
    if value is None:
        return None
    if type(value) not in (str, int) or len(str(value)) > _LONGEST_NAME:
        raise _bad(f"{key} is a text of at most {_LONGEST_NAME} characters")
    return str(value) or None


def _optional(given: Mapping[str, Any], key: str) -> str | None:
    value = given.get(key)
    return None if value is None else str(value)


def _number(asked: Mapping[str, str], key: str, least: float, most: float) -> float | None:
    if key not in asked:
        return None
    try:
        found = float(asked[key])
    except ValueError:
        found = math.nan
    if not least <= found <= most:
        raise _bad(f"{key} is a number from {least:.0f} to {most:.0f}")
    return found


async def _body(request: web.Request) -> Any:
    """What was sent, made fit for a store: no half characters, no NaN, nothing too deep."""
    if not request.can_read_body:
        return {}
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text=_error_text("send application/json"))
    value, note = loose.parse(await request.read())
    if value is None and note is not None:
        raise _bad("the body is not JSON" if "deeper" not in note else f"the body is {note}")
    return value


async def _object(request: web.Request) -> dict[str, Any]:
    given = await _body(request)
    if not isinstance(given, dict):
        raise _bad("the body is a JSON object")
    return given


def _bad(message: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=_error_text(message), content_type="application/json")


def _error_text(message: str) -> str:
    return json.dumps({"error": {"message": message}})


def _text(value: Any) -> bytes:
    """JSON, readable; half a character, which UTF-8 has no bytes for, is written as an escape."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=_text(value), status=status, content_type="application/json", charset="utf-8"
    )


def _raw(data: bytes) -> web.Response:
    return web.Response(
        body=data,
        content_type="application/octet-stream",
        headers={"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"},
    )
