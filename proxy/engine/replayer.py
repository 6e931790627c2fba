"""Answers requests from recordings: one set of fixtures, one session for each live run.

Nothing is contacted but what the user has named. A miss says so, in the provider's own error shape,
with the recorded call that comes closest.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import orjson

from proxy.core import loose, plain, wire
from proxy.core.decisions import Decision, Forward, Refuse, Serve
from proxy.core.matching import IgnoreRule
from proxy.core.model import Own, RequestHead, header
from proxy.core.replay import (
    Fixtures,
    GoLive,
    Hit,
    Live,
    Miss,
    Playback,
    Report,
    Rewrite,
    adapted,
    joined,
    miss_body,
    miss_text,
)
from proxy.core.replay.given import Given
from proxy.core.replay.live import NOTHING, is_llm
from proxy.core.replay.rewrite import model_of, rewritten
from proxy.core.replay.steady import rules, steady
from proxy.core.replay.suggest import Suggestion, suggestions
from proxy.engine import answers
from proxy.engine.recorder import Tx
from proxy.engine.router import Router
from proxy.errors import ConfigError

_WIDTH = 100
_QUICK = 65536  # bytes of a request that is compared without the help of a thread
_KEPT = 50  # misses of a session, with their bodies


@dataclass(slots=True, frozen=True)
class Mode:
    """How a recording is played back. `pace` is seconds of replay per recorded second.

    What `live` names goes to the world, from the recorded call `at` on; model calls that do so are
    changed by `rewrite` first. What `missing` names goes there when the recording has no answer.
    With `steady` live model calls get temperature 0 and a seed, where that is possible.
    """

    match: str = "normalised"
    pace: float = 0.0
    reuse: bool = False
    live: Live = NOTHING
    at: int = 1
    rewrite: Rewrite | None = None
    missing: Live = NOTHING
    steady: bool = False

    def playback(self, fixtures: Fixtures) -> Playback:
        """A new session of a recording."""
        return Playback(
            fixtures,
            self.match,
            reuse=self.reuse,
            live=self.live,
            at=self.at,
            missing=self.missing,
        )


@dataclass(slots=True)
class Session:
    """One live run answered from one recording."""

    recording: str
    run_id: str
    playback: Playback
    misses: list[dict[str, Any]] = field(default_factory=list)
    first: list[Miss] = field(default_factory=list)  # whole, for suggesting rules

    def report(self) -> dict[str, Any]:
        """The report as JSON, with whose it is."""
        report = self.playback.report().as_json()
        return {"recording": self.recording, "runId": self.run_id, **report, "near": self.misses}


@dataclass(slots=True)
class Replayer:
    """`recordings` are always played, by the name they were asked for; `load` finds others."""

    router: Router
    mode: Mode
    recordings: dict[str, Fixtures] = field(default_factory=dict)
    load: Callable[[str], Fixtures] | None = None
    on_miss: Callable[[str], None] | None = None
    given: Given | None = None  # secrets for what goes live
    sessions: dict[tuple[str, str], Session] = field(default_factory=dict)
    pinned: dict[IgnoreRule, None] = field(default_factory=dict)  # of calls that were made steady
    _asked: set[str] = field(default_factory=set)  # hosts of calls that went live

    def wants(self, own: Own) -> bool:
        """Everything, when this Dashcam replays; else what asks for it."""
        return bool(self.recordings) or own.replay is not None

    def may_dial(self, host: str) -> bool:
        """See `engine.Replays`."""
        return not self.recordings or host in self._asked or self.mode.live.host(host)

    def decide_at_once(self, tx: Tx) -> Decision | None:
        """See `engine.Replays`."""
        session = self._known_session(tx)
        if session is None or len(tx.request_bytes) > _QUICK:
            return None
        if not session.playback.fixtures.at_hand:
            return None
        found = self._find(session, tx)
        return self._live(tx) if isinstance(found, GoLive) else self._answer(session, tx, found)

    async def decide(self, tx: Tx) -> Decision:
        """See `engine.Replays`."""
        if (decision := self.decide_at_once(tx)) is not None:
            return decision
        session = await self._session(tx)
        if session is None:
            name = tx.exchange.own.replay
            said = f"there is no recording {name!r} to answer this request from"
            asked = tx.exchange.request, tx.request_bytes
            return answers.refused(*asked, answers.MISS_STATUS, "replay-miss", said)
        found = await asyncio.to_thread(self._find, session, tx)
        if isinstance(found, GoLive):
            return await asyncio.to_thread(self._live, tx)
        return self._answer(session, tx, found)

    def _find(self, session: Session, tx: Tx) -> Hit | Miss | GoLive:
        asked = tx.exchange.request, tx.request_bytes
        if self.given is not None:
            asked = self.given.asked(*asked)
        return session.playback.decide(*asked, own=tx.exchange.own)

    def _answer(self, session: Session, tx: Tx, found: Hit | Miss) -> Decision:
        if isinstance(found, Miss):
            return self._missed(session, tx, found)
        if (why := found.exchange.unkept) is not None:
            return self._unserved(session, tx, f"the answer of call {found.exchange.seq}: {why}")
        tx.exchange.served_from = found.exchange.id
        differed = partial(session.playback.differed, found.fixture)
        served = adapted(found.exchange, tx.exchange.request, tx.request_bytes)
        if self.given is not None:
            served = self.given.answer(served)
        asks = session.playback.fixtures.asks.get(found.exchange.id, ())
        return Serve(served, self.mode.pace, differed, asks)

    def reports(self) -> list[dict[str, Any]]:
        """Every session's report."""
        return [session.report() for session in self.sessions.values()]

    def report(self) -> Report:
        """All sessions of the one recording as one report; of none, if nothing was asked."""
        playbacks = [session.playback for session in self.sessions.values()]
        if not playbacks:
            playbacks = [self.mode.playback(next(iter(self.recordings.values())))]
        return joined([playback.report() for playback in playbacks])

    def suggestions(self) -> list[Suggestion]:
        """Ignore rules that would have made the first misses match."""
        found = []
        for session in self.sessions.values():
            found += suggestions(session.playback.fixtures, session.first)
        return found

    def _known_session(self, tx: Tx) -> Session | None:
        """The session of a run, or a new one of a recording that is loaded."""
        name = tx.exchange.own.replay or next(iter(self.recordings), None)
        if name is None:
            return None
        session = self.sessions.get((name, tx.exchange.run_id))
        if session is None and (fixtures := self.recordings.get(name)) is not None:
            session = self._opened(name, tx, fixtures)
        return session

    async def _session(self, tx: Tx) -> Session | None:
        session, name = self._known_session(tx), tx.exchange.own.replay
        if session is not None or name is None or self.load is None:
            return session
        return self._opened(name, tx, await asyncio.to_thread(self.load, name))

    def _opened(self, name: str, tx: Tx, fixtures: Fixtures) -> Session:
        run_id = tx.exchange.run_id
        made = Session(name, run_id, self.mode.playback(fixtures))
        return self.sessions.setdefault((name, run_id), made)

    def _live(self, tx: Tx) -> Forward | Refuse:
        """To the world, as it is or as the user wants it changed."""
        head, body = tx.exchange.request, tx.request_bytes
        change = self._change(head, plain.request(head, body))
        if change:
            try:
                changed = rewritten(head, body, change)
            except ConfigError as error:
                return answers.refused(
                    head, body, answers.MISS_STATUS, "replay-rewrite", error.message
                )
            tx.rewrite(*changed, f"changed: {', '.join(change.names)}")
        request = tx.exchange.request
        address = self.router.address(request)
        if self.router.is_own(address):
            said = f"{request.authority} is Dashcam itself: the request would go round in a circle"
            return answers.refused(request, tx.request_bytes, 508, "loop", said)
        if why := self.router.barred(address):
            return answers.barred(request, tx.request_bytes, why)
        self._asked.add(request.host)
        return Forward(address)

    def _change(self, head: RequestHead, body: bytes) -> Rewrite | None:
        """How a live call is changed: what the user asked for, and what makes a model steady."""
        change = self.mode.rewrite
        if not (change or self.mode.steady) or not is_llm(head, body):
            return None
        signed = (header(head.headers, b"authorization") or b"").startswith(b"AWS4-")
        if not self.mode.steady or signed:
            return change
        try:
            asked = loose.obj(orjson.loads(body))
        except orjson.JSONDecodeError:
            return change
        protocol = wire.recognise(head, body)
        model = (change.model if change else None) or model_of(head, asked)
        given = dict(change.fields) if change else {}
        fields = {
            path: value
            for path, value in steady(protocol.name, asked, model).items()
            if path not in given
        }
        self.pinned.update(dict.fromkeys(rules(fields, protocol.step(head, body))))
        if not fields:
            return change
        return replace(change or Rewrite(), fields={**given, **fields})

    def _missed(self, session: Session, tx: Tx, miss: Miss) -> Refuse:
        request = tx.exchange.request
        known = {fixture.head.host for fixture in session.playback.fixtures.all}
        if request.host not in known:
            session.playback.refuse(request.host, request.url)
        text = miss_text(miss, _WIDTH)
        session.misses.append(miss_body(miss))
        if len(session.first) < _KEPT:
            session.first.append(miss)
        if self.on_miss is not None:
            self.on_miss(text)
        refusal = answers.refused(
            request, tx.request_bytes, answers.MISS_STATUS, "replay-miss", text
        )
        return _with_detail(refusal, miss_body(miss))

    def _unserved(self, session: Session, tx: Tx, why: str) -> Refuse:
        """A call that was recorded without its answer, which nobody can play."""
        request = tx.exchange.request
        session.playback.refuse(request.host, request.url)
        if self.on_miss is not None:
            self.on_miss(why)
        return answers.refused(request, tx.request_bytes, answers.MISS_STATUS, "replay-unkept", why)


def _with_detail(refusal: Refuse, detail: Mapping[str, Any]) -> Refuse:
    """Adds the machine's form of the miss to the error body, beside the provider's own fields."""
    body = json.loads(refusal.body)
    if not isinstance(body, dict):
        return refusal
    data = json.dumps({**body, "dashcam": detail}, ensure_ascii=False).encode()
    headers = tuple(
        (name, str(len(data)).encode()) if name == b"content-length" else (name, value)
        for name, value in refusal.headers
    )
    return replace(refusal, headers=headers, body=data)
