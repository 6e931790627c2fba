"""`dashcam gc`: deletes what is old, and gives the space back."""

import sys
import time
from pathlib import Path

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._print import note, put, put_json, table
from proxy.cli._progress import progress
from proxy.cli._source import reading, shown
from proxy.cli._text import count, size
from proxy.cli._when import Span
from proxy.cli.runs import COLUMNS, cells
from proxy.core.model import RunRow
from proxy.stores._api import RunQuery, Store


@subcommand()
@click.option("--older-than", type=Span(), metavar="SPAN", help="Runs that began before: 12h, 30d.")
@click.option("--keep", type=click.IntRange(0), metavar="N", help="All but the newest N runs.")
@click.option("--label", help="Only runs with this label.")
@click.option("--open", "open_too", is_flag=True, help="Runs that have not ended, too.")
@click.option("--dry-run", is_flag=True, help="Only list what would go.")
def command(
    cli: Cli,
    *,
    older_than: float | None,
    keep: int | None,
    label: str | None,
    open_too: bool,
    dry_run: bool,
) -> None:
    """Delete old runs and give the space back.

    Says what may go by --older-than, --keep, or both: then only runs that both let go.
    """
    if older_than is None and keep is None:
        raise click.UsageError("say what may go: --older-than SPAN, --keep N, or both")
    with reading(cli) as store:
        until = None if older_than is None else time.time() - older_than
        before = _on_disk(store)
        going = chosen(store, until=until, keep=keep or 0, label=label, open_too=open_too)
        if not dry_run:
            for row in progress(going, "deleting", len(going)):
                store.delete_run(row.run.id)
        freed = before - _on_disk(store)
    if cli.json:
        ids = [row.run.id for row in going]
        put_json({"deleted": [] if dry_run else ids, "matched": ids, "freedBytes": freed})
    elif dry_run:
        put(table(COLUMNS, map(cells, going)), fit=True)
        note(f"{count(len(going), 'run')} would go")
    else:
        note(f"deleted {count(len(going), 'run')}, freed {size(max(0, freed))}")


def chosen(
    store: Store, *, until: float | None, keep: int, label: str | None, open_too: bool
) -> list[RunRow]:
    """The runs that may go, newest first."""
    rows = store.runs(RunQuery(label=label, limit=sys.maxsize))[keep:]
    return [
        row
        for row in rows
        if (until is None or row.run.started_at < until)
        and (open_too or row.run.ended_at is not None)
    ]


def _on_disk(store: Store) -> int:
    """Bytes of the store's files; 0 for a store that is no file of ours."""
    path = Path(shown(store.url))
    files = [path, path.with_name(path.name + "-wal")]
    return sum(file.stat().st_size for file in files if file.is_file())
