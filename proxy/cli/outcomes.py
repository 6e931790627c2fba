"""`dashcam outcomes`: how often runs end how."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._print import Column, Span, note, put, put_json, table
from proxy.cli._source import is_missing, nothing_yet, reading
from proxy.cli._when import When
from proxy.core.model import FAILURE_MODES, Event, RunRow
from proxy.stores._api import RunQuery, Store

SHARED = ("Completed", *FAILURE_MODES)
UNNAMED = "(none)"
_VERSIONS = (
    *("version", "agent_version", "agentVersion", "app_version", "appVersion", "release"),
    *("commit", "git_sha", "prompt_version", "promptVersion"),
)


@dataclass(slots=True)
class Tally:
    """How the runs of one group ended; `open` ones have no outcome yet."""

    runs: int = 0
    open: int = 0
    ended: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SHARED, 0))

    def add(self, row: RunRow) -> None:
        """Counts a run."""
        self.runs += 1
        kind = row.run.failure_mode if row.run.outcome == "Failed" else row.run.outcome
        if kind is None:
            self.open += 1
        else:
            self.ended[kind] = self.ended.get(kind, 0) + 1

    @property
    def completed_rate(self) -> float | None:
        """Completed of ended runs; None when none has ended."""
        judged = sum(self.ended.values())
        return self.ended["Completed"] / judged if judged else None


@subcommand()
@click.option(
    "--by",
    type=click.Choice(["label", "day", "model", "version"]),
    default="label",
    show_default=True,
    help="What the rates are grouped by; a run counts for every model it used. The version is that"
    " of the agent, in the run's metadata: `version`, `release`, `commit`.",
)
@click.option("--label", help="Only runs with this label.")
@click.option("--since", type=When(), help="Started after: 2h, 3d, today, 2026-02-12T09:41.")
@click.option("--until", type=When(), help="Started before.")
def command(
    cli: Cli, *, by: str, label: str | None, since: float | None, until: float | None
) -> None:
    """Outcome rates by label, day, model or version."""
    url = cli.settings().store
    tallies: dict[str, Tally] = {}
    if not is_missing(url):
        query = RunQuery(label=label, since=since, until=until, limit=sys.maxsize)
        with reading(cli) as store:
            keys = _keys(by, store)
            for row in store.runs(query):
                for key in keys(row):
                    tallies.setdefault(key, Tally()).add(row)
    if cli.json:
        put_json([_object(by, key, tallies[key]) for key in sorted(tallies)])
    elif tallies:
        columns = (
            Column(by),
            *(Column(name, right=True) for name in ("runs", "completed", *SHARED[1:], "open")),
        )
        put(table(columns, (_cells(key, tallies[key]) for key in sorted(tallies))), fit=True)
    else:
        empty = nothing_yet(url)
        note("no run matches" if not is_missing(url) else f"{empty.message}; {empty.hint}")


def _keys(by: str, store: Store) -> Callable[[RunRow], Iterable[str]]:
    """What groups a run belongs to."""

    def models(row: RunRow) -> Iterable[str]:
        return {name for event in store.events(row.run.id) if (name := _model(event))} or {UNNAMED}

    def day(row: RunRow) -> Iterable[str]:
        return (datetime.fromtimestamp(row.run.started_at).astimezone().date().isoformat(),)

    keys: dict[str, Callable[[RunRow], Iterable[str]]] = {
        "label": lambda row: (row.run.label,),
        "day": day,
        "model": models,
        "version": lambda row: (_version(row),),
    }
    return keys[by]


def _version(row: RunRow) -> str:
    told = (row.run.metadata.get(name) for name in _VERSIONS)
    return next((str(one) for one in told if one not in (None, "")), UNNAMED)


def _model(event: Event) -> str | None:
    call = event.data.get("call")
    if event.kind != "llm_call" or not isinstance(call, dict):
        return None
    name = call.get("model") or call.get("servedModel")
    return str(name) if name else None


def _object(by: str, key: str, tally: Tally) -> dict[str, Any]:
    return {
        by: key,
        "runs": tally.runs,
        "open": tally.open,
        "completedRate": tally.completed_rate,
        "outcomes": tally.ended,
    }


def _cells(key: str, tally: Tally) -> list[Span]:
    rate = tally.completed_rate
    cells: list[Span] = [
        (key, "bold"),
        (str(tally.runs), ""),
        ("-" if rate is None else f"{rate:.1%}", "green"),
    ]
    for mode in SHARED[1:]:
        number = tally.ended[mode]
        cells.append((str(number), "red" if number else "dim"))
    return [*cells, (str(tally.open), "yellow" if tally.open else "dim")]
