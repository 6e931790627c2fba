"""Records one command with a proxy of its own, and sums it up."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from proxy.cli._child import metadata, new_token, run_in, say
from proxy.cli._serving import ANY_PORT, serving
from proxy.config import Settings
from proxy.core.model import Exchange, Outcome, Run
from proxy.core.outcomes import as_object, current_outcome
from proxy.engine.clock import new_id, wall
from proxy.stores._api import RunQuery, Store

_ALL = 100_000  # runs that have an id within theirs


@dataclass(slots=True, frozen=True)
class Recorded:
    """What came of it. `calls` and `errors` are those of the run and of the runs inside it."""

    run: Run
    exit_code: int
    calls: int
    errors: int
    gaps: int
    outcome: Outcome | None

    def tell(self) -> None:
        """Three lines on stderr."""
        failed = f", {self.errors} failed" if self.errors else ""
        lost = f", {self.gaps} not recorded" if self.gaps else ""
        say(
            f"run {self.run.id} · {self.run.label}",
            f"{self.calls} calls{failed}{lost} · {verdict_line(self.outcome)}",
            f"look: dashcam show {self.run.id}",
        )

    def as_json(self) -> dict[str, Any]:
        """The same as one object."""
        return {
            "runId": self.run.id,
            "label": self.run.label,
            "exitCode": self.exit_code,
            "calls": self.calls,
            "errors": self.errors,
            "gaps": self.gaps,
            "outcome": as_object(self.outcome) if self.outcome else None,
        }


async def recorded(
    settings: Settings,
    run_id: str | None,
    *,
    group: str | None,
    meta: Sequence[str],
    argv: Sequence[str],
    loopback: bool,
) -> Recorded:
    """Runs `argv` and everything it calls is kept."""
    token = new_token()
    run_id = run_id or new_id("run")
    async with serving(settings, api=ANY_PORT, token=token) as where:
        run = Run(run_id, settings.label, run_id, wall(), metadata=metadata(meta, argv))
        engine = where.runtime.engine
        engine.open_run(run, group=group)
        tally = Tally()
        engine.on_finish.append(tally.count)
        ended = await run_in(where, run, argv, loopback=loopback, token=token)
        store = where.runtime.store
        outcome = await asyncio.to_thread(outcome_of, store, run_id)
        errors = await asyncio.to_thread(errors_of, store, tally.runs)
        gaps = engine.writer.counters.gaps
        return Recorded(run, ended.exit_code, tally.calls, errors, gaps, outcome)


class Tally:
    """Counts exchanges as they finish, and notes their runs."""

    def __init__(self) -> None:
        self.calls = 0
        self.runs: set[str] = set()

    def count(self, exchange: Exchange) -> None:
        """One more."""
        self.calls += 1
        self.runs.add(exchange.run_id)


def errors_of(store: Store, runs: Iterable[str]) -> int:
    """How many calls of these runs failed, as `dashcam runs` counts them."""
    rows = ((run, row) for run in runs for row in store.runs(RunQuery(text=run, limit=_ALL)))
    return sum(row.errors for run, row in rows if row.run.id == run)


def outcome_of(store: Store, run_id: str) -> Outcome | None:
    """The outcome that counts."""
    return current_outcome(store.outcomes(run_id))


def verdict_line(outcome: Outcome | None) -> str:
    """The outcome in a line."""
    if outcome is None:
        return "no outcome yet"
    said = outcome.failure_mode or outcome.status
    return f"{said}: {outcome.reason}" if outcome.reason else said
