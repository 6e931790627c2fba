"""Runs one command against a recording, and sums it up."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proxy import runtime as composition
from proxy.cli._child import metadata, new_token, run_in, say
from proxy.cli._serving import ANY_PORT, serving
from proxy.config import Settings
from proxy.core.model import Run
from proxy.core.replay import Report
from proxy.engine.clock import new_id, wall
from proxy.engine.replayer import Mode
from proxy.errors import RecordingNotFound
from proxy.importers import load
from proxy.stores._api import RunQuery, Store

_NOT_STARTED = frozenset({126, 127})
_DIVERGED, _NO_VERDICT = 2, 125
_LOOK_BACK = 1000  # runs in which `last` looks for one that is not a replay


@dataclass(slots=True, frozen=True)
class Replayed:
    """What came of it. `was_code` is the recorded exit code, None when it is not known."""

    recorded: Run
    run: Run
    report: Report
    sessions: list[dict[str, Any]]
    code: int
    was_code: int | None

    @property
    def exit_code(self) -> int:
        """0 clean, 2 diverged, 125 could not judge."""
        if self.code in _NOT_STARTED:
            return _NO_VERDICT
        judged = self.report.exit_code
        return _DIVERGED if judged == 0 and self._other_code else judged

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
        verdict = {0: "clean", _DIVERGED: "diverged"}.get(self.exit_code, "could not judge")
        say(f"replay of {self.recorded.id} · {self.recorded.label}: {', '.join(said)} · {verdict}")
        for call in self.report.unused[:10]:
            say(f"unused: #{call['seq']} {call['step']}")
        for host, times in self.report.hosts_refused.items():
            say(f"refused: {host} ({times} times); allow it with --live host:{host}")
        if self._other_code:
            say(f"the command ended with {self.code}; recorded was {self.was_code}")
        say(f"look: dashcam show {self.run.id}")

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
        }


async def replayed(
    settings: Settings,
    ref: str,
    *,
    argv: Sequence[str],
    allow: Sequence[str],
    reuse: bool,
    loopback: bool,
) -> Replayed:
    """Runs `argv` with the recording in place of the world."""
    token = new_token()
    async with serving(settings, api=ANY_PORT, token=token) as where:
        runtime = where.runtime
        recorded, ref = await asyncio.to_thread(_find, runtime.store, ref)
        mode = Mode(settings.match, settings.pace, reuse, tuple(allow))
        replayer = await asyncio.to_thread(composition.replayer, runtime, [ref], mode)
        replayer.on_miss = lambda text: say(*text.splitlines())
        where.api.reports = replayer.reports
        run_id = new_id("run")
        meta = metadata([], argv) | {"replayOf": recorded.id, "parent": recorded.id}
        run = Run(run_id, recorded.label, run_id, wall(), metadata=meta)
        runtime.engine.open_run(run)
        ended = await run_in(where, run, argv, loopback=loopback, token=token)
        was = recorded.metadata.get("exitCode")
        return Replayed(
            recorded,
            run,
            replayer.report(),
            replayer.reports(),
            ended.exit_code,
            was if isinstance(was, int) else None,
        )


def _find(store: Store, ref: str) -> tuple[Run, str]:
    """The run to replay, and how the runtime finds its fixtures."""
    if ref.endswith(".jsonl") or Path(ref).is_file():
        snapshots = load(Path(ref))
        return snapshots[0].run, ref
    if ref == "last":
        for row in store.runs(RunQuery(limit=_LOOK_BACK)):
            if "replayOf" not in row.run.metadata:
                return row.run, row.run.id
        raise RecordingNotFound(
            "there is no run to replay yet", hint="record one with `dashcam run -- CMD`"
        )
    run = store.find_run(ref)
    return run, run.id
