"""`dashcam runs`: the list."""

import time
from collections.abc import Sequence

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._print import Column, Span, note, put, put_json, table
from proxy.cli._source import is_missing, nothing_yet, reading
from proxy.cli._text import UNKNOWN, count, duration, moment
from proxy.cli._when import When
from proxy.core.model import FAILURE_MODES, RunRow
from proxy.core.objects import duration_ms, row_object
from proxy.stores._api import RunQuery, Store

OUTCOMES = ("Completed", "Failed", "open", *FAILURE_MODES)
COLUMNS = (
    Column("run"),
    Column("label"),
    Column("started"),
    Column("took", right=True),
    Column("calls", right=True),
    Column("errors", right=True),
    Column("outcome"),
    Column("reason"),
)


@subcommand()
@click.option("--label", help="Only runs with this label.")
@click.option(
    "--outcome",
    type=click.Choice(OUTCOMES, case_sensitive=False),
    help="Only runs with this outcome or failure mode; `open` for those without.",
)
@click.option("--since", type=When(), help="Started after: 2h, 3d, today, 2026-02-12T09:41.")
@click.option("--until", type=When(), help="Started before.")
@click.option("--text", help="Only runs with this text in an id, a label or a URL.")
@click.option(
    "--search", metavar="WORDS", help='Only runs in which this was said: words, "a phrase", begin*.'
)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many.")
def command(cli: Cli, **filters: object) -> None:
    """List runs, newest first."""
    url = cli.settings().store
    if is_missing(url):
        empty = nothing_yet(url)
        _nothing(cli, f"{empty.message}; {empty.hint}")
        return
    query = RunQuery(**filters)  # type: ignore[arg-type]  # the options carry its fields' names
    with reading(cli) as store:
        rows = store.runs(query)
        if query.search is not None:
            unsearched(store)
        any_run = bool(rows) or bool(store.runs(RunQuery(limit=1)))
    if not rows:
        empty = nothing_yet(url)
        said = "no run matches" if any_run else f"{empty.message}; {empty.hint}"
        _nothing(cli, said)
    elif cli.json:
        put_json([row_object(row) for row in rows])
    else:
        put(table(COLUMNS, map(cells, rows)), fit=True)
        if len(rows) == query.limit:
            note(f"the newest {len(rows)}; --limit N shows more")


def unsearched(store: Store) -> None:
    """Says what a search cannot find."""
    if sealed := store.sealed().runs:
        note(f"not searched: {count(sealed, 'sealed run')}; an index of their words could be read")


def cells(row: RunRow) -> Sequence[Span]:
    """A run's line in the list."""
    run = row.run
    took = duration_ms(run)
    if took is None:
        spent: Span = (duration((time.time() - run.started_at) * 1000), "dim")
    else:
        spent = (duration(took), "")
    return [
        (run.id, "bold"),
        (run.label, ""),
        (moment(run.started_at), ""),
        spent,
        (str(row.calls), ""),
        (str(row.errors), "red" if row.errors else "dim"),
        outcome_cell(run.outcome, run.failure_mode),
        (row.reason or "", ""),
    ]


def outcome_cell(status: str | None, mode: str | None) -> Span:
    """The failure mode of a failed run, else its status."""
    if status is None:
        return ("open", "yellow")
    return (status, "green") if status == "Completed" else (mode or status or UNKNOWN, "red")


def _nothing(cli: Cli, said: str) -> None:
    if cli.json:
        put_json([])
    note(said)
