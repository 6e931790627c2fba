"""Runs one command against a recording, and sums it up."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from proxy import replays
from proxy.cli._accept import RECORDING, accepted, as_json, into_config, into_file, lines, ruled
from proxy.cli._child import World, metadata, new_token, run_in, say
from proxy.cli._drift import Drift, drift
from proxy.cli._modes import LIVE, keep, missing, own_form, unnamed, with_live
from proxy.cli._serving import ANY_PORT, Serving, serving
from proxy.cli._source import is_file, load_one
from proxy.cli._text import clean
from proxy.cli.diff import ordered
from proxy.config import Settings
from proxy.core.llm_judge import JUDGE_OF
from proxy.core.matching import IgnoreRule
from proxy.core.model import CALL_KINDS, Event, Run, Snapshot
from proxy.core.replay import Fixtures, Report
from proxy.core.replay.suggest import Suggestion
from proxy.core.replay.world import values
from proxy.engine.clock import new_id, wall
from proxy.engine.loading import Loading
from proxy.engine.replayer import Mode, Replayer
from proxy.errors import ConfigError, RecordingNotFound
from proxy.importers import load
from proxy.importers.recording_file import opened
from proxy.stores._api import OpenRun, RunQuery, Store

NOT_STARTED = frozenset({126, 127})
DIVERGED, NO_VERDICT = 2, 125
_LOOK_BACK = 1000  # runs in which `last` looks for one that is an agent's own
_MADE = ("replayOf", "forkOf", JUDGE_OF)


@dataclass(slots=True, frozen=True)
class Replayed:
    """What came of it. `was_code` is the recorded exit code, None when it is not known or matters.

    `at` is the call from which a fork went live, None for a replay.
    """

    ref: str
    recorded: Run
    run: Run
    report: Report
    sessions: list[dict[str, Any]]
    code: int
    was_code: int | None
    at: int | None = None
    mode: str = "none"
    drift: Sequence[Drift] = ()
    added: int | None = None  # calls that were written to the recording's file
    suggested: Sequence[Suggestion] | None = None
    accepted: str | None = None  # where rules were written

    @property
    def exit_code(self) -> int:
        """0 clean, 2 diverged, 125 could not judge."""
        if self.code in NOT_STARTED:
            return NO_VERDICT
        judged = self.report.exit_code
        if judged == 0 and self.at is not None and not self.report.passed_through:
            return NO_VERDICT
        drifted = self._other_code or any(one.fails for one in self.drift)
        return DIVERGED if judged == 0 and drifted else judged

    @property
    def _other_code(self) -> bool:
        return self.was_code is not None and self.was_code != self.code

    def tell(self) -> None:
        """A few lines on stderr; misses have been told when they happened."""
        counts = self.report.counts
        said = [f"{counts['served']} served"]
        words = {"passedThrough": "passed through"}
        said += [
            f"{n} {words.get(name, name)}" for name, n in counts.items() if n and name != "served"
        ]
        verdict = {0: "clean", DIVERGED: "diverged"}.get(self.exit_code, "could not judge")
        what = "replay" if self.at is None else "fork"
        say(f"{what} of {self.recorded.id} · {self.recorded.label}: {', '.join(said)} · {verdict}")
        for call in self.report.unused[:10]:
            say(f"unused: #{call['seq']} {call['step']}")
        for host, times in self.report.hosts_refused.items():
            say(f"refused: {host} ({_times(times)}); allow it with --live host:{host}")
        for host, times in self.report.hosts_asked.items():
            say(f"live: {host} ({_times(times)})")
        self._tell_more()
        if self.at is None:
            say(f"look: dashcam show {self.run.id}")
            return
        if not self.report.passed_through:
            say(f"it never went live: the command ended before call {self.at}")
        say(f"compare: dashcam diff {self.ref} {self.run.id}")

    def _tell_more(self) -> None:
        """What was asked for beside the replay: drift, recording, rules."""
        for one in self.drift:
            say(f"drift: {clean(str(one))}" if one.fails else f"differs: {clean(str(one))}")
        if self.added is not None:
            say(f"recorded: {self.added} live calls, in {self.ref}")
        elif self.mode in {"new", "all"} and is_file(self.ref):
            say(f"{self.ref} is as it was: a call that may not go live was missed")
        if self._other_code:
            say(f"the command ended with {self.code}; recorded was {self.was_code}")
        if self.suggested is not None:
            say(*(map(clean, lines(self.suggested))))
            if not self.suggested:
                say("no ignore rule would have made a miss match")
        if self.accepted is not None:
            say(f"accepted: the rules are in {self.accepted}; replay again")

    def as_json(self) -> dict[str, Any]:
        """The same as one object, with every detail."""
        return {
            **self.report.as_json(),
            "exitCode": self.exit_code,
            "recording": self.recorded.id,
            "runId": self.run.id,
            "commandExitCode": self.code,
            "recordedExitCode": self.was_code,
            "near": [near for session in self.sessions for near in session["near"]],
            **({} if self.at is None else {"forkAt": self.at}),
            **({} if self.mode == "none" else {"mode": self.mode}),
            **({"drift": [one._asdict() for one in self.drift]} if self.mode == "verify" else {}),
            **({} if self.added is None else {"added": self.added}),
            **({} if self.suggested is None else {"suggested": as_json(self.suggested)}),
            **({} if self.accepted is None else {"accepted": self.accepted}),
        }


async def replayed(
    settings: Settings,
    ref: str,
    *,
    argv: Sequence[str],
    mode: Mode,
    loopback: bool,
    fork: bool = False,
    how: str = "none",
    suggest: bool = False,
    accept: Path | str | None = None,
) -> Replayed:
    """Runs `argv` with the recording in place of the world; a fork goes live at `mode.at`.

    `how` is the mode of `_modes`; what may go live is `mode.live`, and must have been named.
    `accept` says where suggested rules are written: RECORDING, or the path of a settings file.
    """
    file = Path(ref) if is_file(ref) else None
    if file is not None and (how in {"new", "all"} or accept == RECORDING):
        own_form(file)
    token = new_token()
    loading = Loading(everything=True)
    async with serving(settings, api=ANY_PORT, token=token, loading=loading) as where:
        store = where.runtime.store
        new = how == "all" and file is not None and not file.exists()
        if new and file is not None:
            recorded, replayer = missing(file).run, await empty(where, ref, mode)
        else:
            recorded, ref = await asyncio.to_thread(find, store, ref)
            replayer = await prepared(where, ref, mode)
        if how in LIVE and not mode.live:
            raise unnamed(how, (one.head.host for one in replayer.recordings[ref].all))
        replayer.mode = with_live(mode, how, mode.live)
        replayer.on_miss = lambda text: say(*text.splitlines())
        run_id = new_id("run")
        calls = max((one.seq for one in replayer.recordings[ref].all), default=0)
        meta = metadata([], argv) | _descent(recorded, mode.at if fork else None, calls)
        run = Run(run_id, recorded.label, run_id, wall(), metadata=meta)
        where.runtime.engine.open_run(run)
        past = [] if how == "all" else await asyncio.to_thread(_events, store, ref)
        world = World(values(past), begun(settings, recorded))
        ended = await run_in(where, run, argv, loopback=loopback, token=token, world=world)
        if replayer.pinned:
            where.runtime.engine.writer.put(OpenRun(ruled(run, [*replayer.pinned])))
        was = recorded.metadata.get("exitCode")
        made = Replayed(
            ref,
            recorded,
            run,
            replayer.report(),
            replayer.reports(),
            ended.exit_code,
            was if isinstance(was, int) and not fork and how in {"none", "verify"} else None,
            mode.at if fork else None,
            how,
        )
        if suggest:
            made = replace(made, suggested=replayer.suggestions())
        if accept is not None and (rules := accepted(made.suggested or ())):
            made = replace(made, accepted=await _write(where, made, rules, accept))
        if how not in LIVE:
            return made
        return await asyncio.to_thread(_after, store, made, missing(file) if new and file else None)


def _descent(recorded: Run, at: int | None, calls: int) -> dict[str, Any]:
    """What a replay, or a fork at call `at`, says of the run that it is made of."""
    if not recorded.id:
        return {}
    if at is None:
        return {"parent": recorded.id, "replayOf": recorded.id}
    if at > calls:
        raise ConfigError(f"there is no call {at}: {recorded.id} has {calls}")
    rules = {key: recorded.metadata[key] for key in ("ignore",) if key in recorded.metadata}
    return {"parent": recorded.id, "forkOf": recorded.id, "forkAt": at, **rules}


async def _write(
    where: Serving, made: Replayed, rules: Sequence[IgnoreRule], accept: Path | str
) -> str:
    """Writes accepted rules; returns where they are."""
    if isinstance(accept, Path):
        return str(await asyncio.to_thread(into_config, accept, rules))
    if is_file(made.ref):
        await asyncio.to_thread(into_file, Path(made.ref), rules)
        return made.ref
    where.runtime.engine.writer.put(OpenRun(ruled(made.recorded, rules)))
    return made.recorded.id


def _after(store: Store, made: Replayed, before: Snapshot | None) -> Replayed:
    """What a live mode is for: comparing with the recording, or keeping what was played."""
    played = store.snapshot(made.run.id)
    file = Path(made.ref)
    if made.mode == "verify":
        past = _events(store, made.ref)
        calls = [
            ordered([event for event in events if event.kind in CALL_KINDS])
            for events in (past, played.events)
        ]
        return replace(made, drift=list(drift(*calls)))
    whole = made.code not in NOT_STARTED and not made.report.missed
    if not is_file(made.ref) or not whole:
        return made
    recorded = load_one(file) if before is None else before
    return replace(made, added=keep(made.mode, file, recorded, played))


def _events(store: Store, ref: str) -> list[Event]:
    """The recorded timeline."""
    if not is_file(ref):
        return store.events(ref)
    file = opened(Path(ref))
    return load_one(Path(ref)).events if file is None else file.events()


def begun(settings: Settings, recorded: Run) -> float | None:
    """When the command's clock is to start: None where it shows the true time."""
    return recorded.started_at if settings.clock == "recorded" and recorded.started_at else None


async def empty(where: Serving, ref: str, mode: Mode) -> Replayer:
    """Where there is no recording yet: what is named goes live, and all else is a miss."""
    replayer = await asyncio.to_thread(replays.replayer, where.runtime, [], mode)
    replayer.recordings[ref] = Fixtures.of((), steps=replays.step_of)
    where.front.reports = replayer.reports
    return replayer


async def prepared(where: Serving, ref: str, mode: Mode) -> Replayer:
    """What answers from the recording from now on."""
    replayer = await asyncio.to_thread(replays.replayer, where.runtime, [ref], mode)
    where.front.reports = replayer.reports
    return replayer


def find(store: Store, ref: str) -> tuple[Run, str]:
    """The run to replay, and how the runtime finds its fixtures."""
    if ref.endswith(".jsonl") or Path(ref).is_file():
        if (file := opened(Path(ref))) is not None:
            return file.run, ref
        snapshots = load(Path(ref))
        return snapshots[0].run, ref
    if ref == "last":
        for row in store.runs(RunQuery(limit=_LOOK_BACK)):
            if not any(name in row.run.metadata for name in _MADE):
                return row.run, row.run.id
        raise RecordingNotFound(
            "there is no run to replay yet", hint="record one with `dashcam run -- CMD`"
        )
    run = store.find_run(ref)
    return run, run.id


def _times(times: int) -> str:
    return "once" if times == 1 else f"{times} times"
