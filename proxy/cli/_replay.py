"""Runs one command against a recording, and sums it up."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proxy import runtime as composition
from proxy.cli._child import metadata, new_token, run_in, say
from proxy.cli._serving import ANY_PORT, Serving, serving
from proxy.config import Settings
from proxy.core.model import Run
from proxy.core.replay import Report
from proxy.engine.clock import new_id, wall
from proxy.engine.replayer import Mode, Replayer
from proxy.errors import ConfigError, RecordingNotFound
from proxy.importers import load
from proxy.stores._api import RunQuery, Store

NOT_STARTED = frozenset({126, 127})
DIVERGED, NO_VERDICT = 2, 125
_LOOK_BACK = 1000  # runs in which `last` looks for one that is not a replay
_MADE = ("replayOf", "forkOf")


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

    @property
    def exit_code(self) -> int:
        """0 clean, 2 diverged, 125 could not judge."""
        if self.code in NOT_STARTED:
            return NO_VERDICT
        judged = self.report.exit_code
        if judged == 0 and self.at is not None and not self.report.passed_through:
            return NO_VERDICT
        return DIVERGED if judged == 0 and self._other_code else judged

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
        if self._other_code:
            say(f"the command ended with {self.code}; recorded was {self.was_code}")
        if self.at is None:
            say(f"look: dashcam show {self.run.id}")
            return
        if not self.report.passed_through:
            say(f"it never went live: the command ended before call {self.at}")
        say(f"compare: dashcam diff {self.ref} {self.run.id}")

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
        }


async def replayed(
    settings: Settings,
    ref: str,
    *,
    argv: Sequence[str],
    mode: Mode,
    loopback: bool,
    fork: bool = False,
) -> Replayed:
    """Runs `argv` with the recording in place of the world; a fork goes live at `mode.at`."""
    token = new_token()
    async with serving(settings, api=ANY_PORT, token=token) as where:
        recorded, ref = await asyncio.to_thread(find, where.runtime.store, ref)
        replayer = await prepared(where, ref, mode)
        replayer.on_miss = lambda text: say(*text.splitlines())
        run_id = new_id("run")
        meta = metadata([], argv) | {"parent": recorded.id}
        if fork:
            calls = max((one.seq for one in replayer.recordings[ref].all), default=0)
            if mode.at > calls:
                raise ConfigError(f"there is no call {mode.at}: {recorded.id} has {calls}")
            meta |= {"forkOf": recorded.id, "forkAt": mode.at}
        else:
            meta |= {"replayOf": recorded.id}
        run = Run(run_id, recorded.label, run_id, wall(), metadata=meta)
        where.runtime.engine.open_run(run)
        ended = await run_in(where, run, argv, loopback=loopback, token=token)
        was = recorded.metadata.get("exitCode")
        return Replayed(
            ref,
            recorded,
            run,
            replayer.report(),
            replayer.reports(),
            ended.exit_code,
            was if isinstance(was, int) and not fork else None,
            mode.at if fork else None,
        )


async def prepared(where: Serving, ref: str, mode: Mode) -> Replayer:
    """What answers from the recording from now on."""
    replayer = await asyncio.to_thread(composition.replayer, where.runtime, [ref], mode)
    where.api.reports = replayer.reports
    return replayer


def find(store: Store, ref: str) -> tuple[Run, str]:
    """The run to replay, and how the runtime finds its fixtures."""
    if ref.endswith(".jsonl") or Path(ref).is_file():
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
