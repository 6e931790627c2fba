"""One recording as a test: its command is run, and what came of it is checked."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from proxy.cli._child import World, metadata, new_token, run_in
from proxy.cli._drift import Drift, drift
from proxy.cli._modes import LIVE, chosen, keep, missing, name_of, with_live
from proxy.cli._program import Program
from proxy.cli._replay import NOT_STARTED, begun, prepared
from proxy.cli._serving import ANY_PORT, Serving, serving
from proxy.cli._source import load_one
from proxy.cli.diff import ordered
from proxy.config import Settings
from proxy.core.checks import Failure, Trial, check
from proxy.core.checks.expected import expected
from proxy.core.model import CALL_KINDS, Event, Outcome, Run, Snapshot
from proxy.core.outcomes import as_object, current_outcome
from proxy.core.replay import Live
from proxy.core.replay.live import NOTHING
from proxy.core.replay.shrink import left_out
from proxy.core.replay.world import values
from proxy.engine.clock import new_id, wall
from proxy.engine.loading import Loading
from proxy.engine.replayer import Mode
from proxy.errors import ConfigError, DashcamError
from proxy.stores._api import RunQuery

PASSED, FAILED, UNJUDGED = "passed", "failed", "unjudged"
_TAIL = 4000  # characters of stderr that are kept
_MANY = 10_000


@dataclass(slots=True, frozen=True)
class Asked:
    """What is asked of every test: a command (None: the recorded one), checks (None: derived).

    `live` names what may go live in the modes that do so, beside the hosts of the recording.
    """

    argv: Sequence[str] | None = None
    checks: Mapping[str, Any] | None = None
    mode: str = "replay"
    loopback: bool = True
    limit: float = 300.0
    live: Live = NOTHING


@dataclass(slots=True)
class Tested:
    """What came of one test. `misses` tell what was asked for and is not recorded."""

    name: str
    file: Path
    verdict: str = UNJUDGED
    failures: list[Failure] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)
    outcome: Outcome | None = None
    exit_code: int | None = None
    calls: Sequence[Event] = ()
    output: str = ""
    errors: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)
    drift: Sequence[Drift] = ()
    seconds: float = 0.0

    def lines(self) -> Iterator[str]:
        """All that is wrong, for reading."""
        for failure in self.failures:
            yield f"{failure.check}: {failure.message}"
        for one in self.drift:
            if not one.fails:
                yield f"differs: {one}"
        for miss in self.misses if self.verdict == FAILED else ():
            yield from miss.splitlines()

    def as_json(self) -> dict[str, Any]:
        """The same as one object."""
        return {
            "name": self.name,
            "recording": str(self.file),
            "verdict": self.verdict,
            "seconds": round(self.seconds, 3),
            "failures": [failure._asdict() for failure in self.failures],
            "misses": self.misses,
            "outcome": as_object(self.outcome) if self.outcome else None,
            "exitCode": self.exit_code,
            "calls": [
                {"kind": event.kind, "step": event.name, "status": event.status, **event.data}
                for event in self.calls
            ],
            "output": self.output,
            "errors": self.errors,
            "report": dict(self.report),
            "drift": [one._asdict() for one in self.drift],
        }


async def tested(settings: Settings, file: Path, asked: Asked) -> Tested:
    """Runs the command against one recording; what keeps it from being judged is in the result."""
    made = Tested(name_of(file), file)
    began = time.monotonic()
    try:
        there = await asyncio.to_thread(file.exists)
        asked = replace(asked, mode=chosen(asked.mode, there=there))
        new = asked.mode == "all" and not there
        snapshot = missing(file) if new else await asyncio.to_thread(load_one, file)
        await _run(settings, made, snapshot, asked)
    except DashcamError as error:
        made.verdict = UNJUDGED
        made.failures = [Failure("test", error.message)]
    made.seconds = time.monotonic() - began
    return made


async def _run(settings: Settings, made: Tested, snapshot: Snapshot, asked: Asked) -> None:
    argv = list(asked.argv or snapshot.run.metadata.get("command") or ())
    if not argv:
        raise ConfigError("the recording knows no command; give one after --")
    token = new_token()
    program = Program(asked.limit)
    apart = replace(settings, store="memory:")  # the user's store is none of a test's business
    loading = None if asked.mode == "all" else Loading(everything=True)
    async with serving(apart, api=ANY_PORT, token=token, loading=loading) as where:
        replayer = None
        if asked.mode != "all":  # which records, as `run` does
            mode = with_live(
                Mode(settings.match, settings.pace), asked.mode, _live(settings, asked, snapshot)
            )
            replayer = await prepared(where, str(made.file), mode)
            replayer.on_miss = made.misses.append
        run_id = new_id("run")
        run = Run(run_id, snapshot.run.label, run_id, wall(), metadata=metadata([], argv))
        where.runtime.engine.open_run(run)
        world = World(values(snapshot.events), begun(settings, snapshot.run)) if replayer else None
        ended = await run_in(
            where,
            run,
            argv,
            loopback=asked.loopback,
            token=token,
            start=program.run,
            world=world,
        )
        await asyncio.to_thread(_look, where, made, run_id)
        if replayer is not None:
            made.report = replayer.report().as_json()
            made.misses = _news(made.misses, snapshot.run)
        made.output = program.output
        made.errors = program.errors[-_TAIL:]
        made.exit_code = ended.exit_code
        if ended.exit_code in NOT_STARTED:
            made.failures = [Failure("test", f"not started: {program.errors.strip()[-200:]}")]
        elif not made.calls:
            made.failures = [Failure("test", "the command made no call: nothing can be judged")]
        else:
            if program.late:
                made.failures = [Failure("test", f"it did not end within {asked.limit:g} s")]
            made.failures += _judged(made, snapshot, asked)
            made.verdict = FAILED if made.failures else PASSED
            if made.verdict == PASSED:
                played = await asyncio.to_thread(where.runtime.store.snapshot, run_id)
                await asyncio.to_thread(keep, asked.mode, made.file, snapshot, played)


def _news(misses: Sequence[str], run: Run) -> list[str]:
    """The misses without those of calls that were dropped from the recording, one for each."""
    known = Counter(left_out(run))
    kept = []
    for miss in misses:
        first = miss.partition("\n")[0]
        step = next((one for one, n in known.items() if n and first.endswith(f"({one})")), None)
        if step is None:
            kept.append(miss)
        else:
            known[step] -= 1
    return kept


def _live(settings: Settings, asked: Asked, snapshot: Snapshot) -> Live:
    """What settings and flags name; in modes that go live, the hosts of the recording too."""
    hosts = settings.replay_allow
    if asked.mode in LIVE:
        known = {one.request.host for one in snapshot.exchanges}
        hosts = (*hosts, *asked.live.hosts, *sorted(known))
    return replace(asked.live, hosts=hosts) if asked.mode in LIVE else Live(hosts=hosts)


def _look(where: Serving, made: Tested, run_id: str) -> None:
    """Calls and outcome: of the run, and of the runs that were made inside it."""
    store = where.runtime.store
    runs = [row.run.id for row in store.runs(RunQuery(limit=_MANY))]
    events = [event for one in runs for event in store.events(one) if event.kind in CALL_KINDS]
    made.calls = sorted(events, key=lambda event: (event.started_at, event.data.get("seq") or 0))
    found = {one: current_outcome(store.outcomes(one)) for one in runs}
    failed = [one for one in found.values() if one is not None and one.status == "Failed"]
    made.outcome = failed[0] if failed else found.get(run_id)


def _judged(made: Tested, snapshot: Snapshot, asked: Asked) -> list[Failure]:
    if asked.mode == "verify":
        before = [event for event in snapshot.events if event.kind in CALL_KINDS]
        made.drift = list(drift(ordered(before), made.calls))
        return [Failure("drift", str(one)) for one in made.drift if one.fails]
    wanted = asked.checks
    if wanted is None:
        wanted = {}
        if asked.mode in {"none", "new"}:
            wanted = expected(current_outcome(snapshot.outcomes), snapshot.events)
    return check(wanted, trial_of(made, snapshot))


def trial_of(made: Tested, snapshot: Snapshot) -> Trial:
    """What checks are asked about, of a run that was played against this recording."""
    origin = {exchange.id: exchange.seq for exchange in snapshot.exchanges}
    output = made.output.strip() or _last_reply(made.calls)
    left = left_out(snapshot.run)
    return Trial(made.outcome, made.calls, output, made.report, origin, left)


def _last_reply(calls: Sequence[Event]) -> str:
    """What the model said last: the output of an agent that prints nothing."""
    replies = [(event.data.get("call") or {}).get("reply") for event in calls]
    return next((reply for reply in reversed(replies) if isinstance(reply, str)), "")
