"""Sends a judge's question through a Dashcam of its own, and keeps what it says."""

import asyncio
import http.client
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from proxy import replays
from proxy.cli._child import new_token
from proxy.cli._common import Cli
from proxy.cli._header import outcome_spans
from proxy.cli._print import Line
from proxy.cli._serving import ANY_PORT, Serving, serving
from proxy.cli._source import is_file, reading
from proxy.config import Settings
from proxy.core import expectations, llm_judge, wire
from proxy.core.calls import Call
from proxy.core.llm_judge import JUDGE_OF, LABEL, Answered, Ask, Verdict
from proxy.core.model import Event, Outcome, Run
from proxy.core.outcomes import as_object, current_outcome
from proxy.engine.clock import new_id, wall
from proxy.engine.replayer import Mode
from proxy.engine.router import Router, Upstream
from proxy.engine.understand import error_text, understand
from proxy.errors import ConfigError, DashcamError, FormatError, RecordingNotFound
from proxy.launch.api_token import is_loopback
from proxy.stores._api import AddEvent, AddOutcome, RunQuery, Store

_LOOK_BACK = 1000  # runs among which one is looked for
_ELSEWHERE = "judge"  # the upstream that --base-url names


class NoVerdict(DashcamError):  # noqa: N818 - the name says it
    """The judge could not be asked, or what it said is no verdict."""

    exit_code: ClassVar[int] = 125


class How(NamedTuple):
    """What the command line asks for."""

    model: str | None
    asks: str | None
    base_url: str | None
    again: bool
    replay: bool


@dataclass(slots=True, frozen=True)
class Prepared:
    """A question that can be sent; `recorded` is the judge's run that answers it."""

    run: Run
    ask: Ask
    answered: Answered
    upstreams: dict[str, str]
    name: str  # of the upstream
    path: str
    body: bytes
    digest: str
    key: str | None
    recorded: str | None


@dataclass(slots=True, frozen=True)
class Found:
    """What came of it."""

    prepared: Prepared
    verdict: Verdict
    judge_run: str
    outcome: Outcome | None

    def lines(self) -> Iterator[Line]:
        """For reading."""
        said, ask = self.verdict, self.prepared.ask
        word, style = ("yes", "bold green") if said.passed else ("no", "bold red")
        yield [(word, style), (f"  {ask.asks}", "")]
        yield [(f"  {said.reason}", "")]
        if said.quote.strip():
            missing = "" if said.quoted else "  (these words are not in the answer)"
            yield [(f"  “{said.quote}”", ""), (missing, "yellow")]
        recorded = self.prepared.recorded
        where = f"recorded in {recorded}" if recorded else f"asked now, in {self.judge_run}"
        yield [(f"  {ask.model}, {where}", "dim")]
        yield [(f"{self.prepared.run.id}: ", ""), *outcome_spans(self.outcome)]

    def as_json(self) -> dict[str, Any]:
        """The same as one object."""
        said, made = self.verdict, self.prepared
        return {
            "runId": made.run.id,
            "model": made.ask.model,
            "asks": made.ask.asks,
            "passed": said.passed,
            "reason": said.reason,
            "quote": said.quote,
            "quoteFound": said.quoted,
            "judgeRun": self.judge_run,
            "recordedIn": made.recorded,
            "outcome": as_object(self.outcome) if self.outcome else None,
        }


def prepared(cli: Cli, settings: Settings, ref: str, how: How) -> Prepared:
    """Finds what is to be judged, and the request; contacts nobody. Raises DashcamError."""
    if is_file(ref):
        raise ConfigError(
            f"{Path(ref)} is a file, and judges' calls are kept in the store",
            hint=f"import it first: dashcam import {ref}",
        )
    with reading(cli) as store:
        run = _find(store, ref)
        named = expectations.of(settings.labels, run.label).get("judge", {})
        ask = llm_judge.asked(named, how.model, how.asks)
        if current_outcome(store.outcomes(run.id)) is None:
            raise NoVerdict(f"run {run.id} has not ended", hint="it can be judged when it has")
        answered = answer_of(store, run)
        upstreams = dict(settings.upstream)
        if how.base_url is not None:
            upstreams[_ELSEWHERE] = how.base_url
        name = _ELSEWHERE if how.base_url is not None else ask.provider
        upstream = _upstream(upstreams, name)
        path = llm_judge.path(ask, upstream.path, elsewhere=how.base_url is not None)
        body = llm_judge.body(ask, answered)
        where = f"{upstream.scheme}://{upstream.host}:{upstream.port}{upstream.path}{path}"
        digest = llm_judge.digest(where, body)
        recorded = None if how.again else _recorded(store, run, digest, answered)
    if recorded is None and how.replay:
        raise NoVerdict(
            f"{ask.model} has not been asked this about the answer of {run.id}",
            hint="without --replay it is asked now, and recorded",
        )
    key = os.environ.get(ask.key_variable) or None
    if recorded is None and key is None and not is_loopback(upstream.host):
        raise ConfigError(
            f"there is no key for {ask.provider}: {ask.key_variable} is not set",
            hint=f"export {ask.key_variable}=…; it is sent, and never stored",
        )
    return Prepared(run, ask, answered, upstreams, name, path, body, digest, key, recorded)


async def asked(settings: Settings, made: Prepared) -> Found:
    """Asks, or replays what was answered, and keeps the verdict. Raises DashcamError."""
    # What is expected of agents is not expected of their judges.
    settings = replace(settings, upstream=made.upstreams, labels={})
    async with serving(settings, api=ANY_PORT, token=new_token()) as where:
        engine, store = where.runtime.engine, where.runtime.store
        if made.recorded is not None:
            mode = Mode("exact")
            await asyncio.to_thread(replays.replayer, where.runtime, [made.recorded], mode)
        run_id = new_id("run")
        run = Run(run_id, LABEL, run_id, wall(), metadata=_metadata(made))
        engine.open_run(run)
        try:
            await asyncio.to_thread(_send, where, made, run_id, settings.response_timeout)
        finally:
            await engine.close_run(run_id)
        said = await asyncio.to_thread(_verdict, store, run_id, made.answered.answer)
        await _keep(where, made, said, made.recorded or run_id)
        outcomes = await asyncio.to_thread(store.outcomes, made.run.id)
        return Found(made, said, run_id, current_outcome(outcomes))


def answer_of(store: Store, run: Run) -> Answered:
    """The last answer of a run in full, and what it was asked. Raises NoVerdict."""
    found: tuple[Event, str, str] | None = None
    for event in reversed(store.events(run.id)):
        exchange_id = event.data.get("exchangeId") or event.data.get("exchange")
        if event.kind != "llm_call" or event.status == "error" or not isinstance(exchange_id, str):
            continue
        call = _call(store, exchange_id, event.data.get("turn"))
        if found is None:
            if call.reply is None or not call.reply.text.strip():
                continue
            found = (event, exchange_id, call.reply.text)
        if user := llm_judge.user_text(call):
            break
    else:
        user = None
    if found is None or found[0].id is None:
        raise NoVerdict(
            f"run {run.id} has no answer to judge: no model said anything in it",
            hint=f"look: dashcam show {run.id}",
        )
    return Answered(found[0].id, found[1], found[2], user)


def _call(store: Store, exchange_id: str, turn: Any) -> Call:
    exchange = store.exchange(exchange_id)
    turns = wire.decode_turns(exchange) if turn else ()
    return turns[turn - 1].call if turns else understand(exchange)


def _find(store: Store, ref: str) -> Run:
    """The run that RUN names; `last` is none of a judge's."""
    if ref != "last":
        return store.find_run(ref)
    for row in store.runs(RunQuery(limit=_LOOK_BACK)):
        if JUDGE_OF not in row.run.metadata:
            return row.run
    raise RecordingNotFound("there is no run yet", hint="record one with `dashcam run -- CMD`")


def _recorded(store: Store, run: Run, digest: str, answered: Answered) -> str | None:
    """The newest run of a judge that was asked just this, and gave a verdict."""
    for row in store.runs(RunQuery(label=LABEL, limit=_LOOK_BACK)):
        told = row.run.metadata
        if told.get(JUDGE_OF) != run.id or told.get("digest") != digest or "replayOf" in told:
            continue
        try:
            _verdict(store, row.run.id, answered.answer)
        except NoVerdict:
            continue
        return row.run.id
    return None


def _upstream(upstreams: dict[str, str], name: str) -> Upstream:
    named = Router.of(upstreams).named
    if name not in named:
        raise ConfigError(
            f"there is no upstream {name!r} to ask",
            hint=f"give --base-url URL, or one of {', '.join(sorted(named))}",
        )
    return named[name]


def _metadata(made: Prepared) -> dict[str, Any]:
    told = {
        JUDGE_OF: made.run.id,
        "model": made.ask.model,
        "asks": made.ask.asks,
        "digest": made.digest,
    }
    return told | ({"replayOf": made.recorded} if made.recorded else {})


def _send(where: Serving, made: Prepared, run_id: str, timeout: float) -> None:
    """Sends it to the gateway; what comes back is in the record."""
    headers = llm_judge.headers(made.ask, made.key) | {"Dashcam-Run": run_id}
    connection = http.client.HTTPConnection("127.0.0.1", where.api_port, timeout=timeout)
    try:
        connection.request("POST", f"/{made.name}{made.path}", made.body, headers)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException) as error:
        raise NoVerdict(
            f"the judge did not answer: {error}", hint=f"look: dashcam show {run_id}"
        ) from error
    finally:
        connection.close()


def _verdict(store: Store, run_id: str, answer: str) -> Verdict:
    """What is recorded in a judge's run. Raises NoVerdict."""
    hint = f"look: dashcam show {run_id} --call 1"
    exchange = next(iter(store.exchanges(run_id)), None)
    if exchange is None:
        raise NoVerdict("the judge's call is not in the store", hint="look: dashcam verify")
    call = understand(exchange)
    if wrong := error_text(exchange, call):
        raise NoVerdict(f"the judge gave no verdict: {wrong}", hint=hint)
    try:
        return llm_judge.verdict(call, answer)
    except FormatError as error:
        raise NoVerdict(error.message, hint=hint) from error


async def _keep(where: Serving, made: Prepared, said: Verdict, by: str) -> None:
    """The verdict in the timeline of the run, once, and what it makes of the run's outcome."""
    store, writer = where.runtime.store, where.runtime.engine.writer
    run, answered = made.run, made.answered
    events = await asyncio.to_thread(store.events, run.id)
    if not any(one.data.get("judgeRun") == by for one in events):
        made_event = llm_judge.event(run, made.ask, answered, said, by=by, at=wall())
        await writer.write(AddEvent(made_event))
        events = await asyncio.to_thread(store.events, run.id)
    current = current_outcome(await asyncio.to_thread(store.outcomes, run.id))
    found = llm_judge.verdicts(events, answered.exchange_id)
    if current and (changed := llm_judge.outcome(run, current, found, answered, wall())):
        await writer.write(AddOutcome(changed))
