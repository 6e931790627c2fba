"""`dashcam gc`: deletes what is old, and gives the space back."""

import re
import sys
import time
from contextlib import suppress
from functools import partial
from typing import override

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._patience import patiently
from proxy.cli._print import note, put, put_json, table
from proxy.cli._progress import progress
from proxy.cli._source import reading
from proxy.cli._text import count, size
from proxy.cli._when import Span
from proxy.cli.runs import COLUMNS, cells
from proxy.core.model import RunRow
from proxy.errors import RecordingNotFound
from proxy.stores._api import RunQuery, Store

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_LONG_AGO = 0.0  # nothing was recorded before it


class Bytes(click.ParamType[int]):
    """An option's value that is a number of bytes: 500M, 2GB."""

    name = "bytes"

    @override
    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", str(value).strip().lower())
        if match is None:
            self.fail(f"{value!r} is no size: use 500M or 2GB", param, ctx)
        return round(float(match[1]) * _UNITS[match[2]])


@subcommand()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option("--older-than", type=Span(), metavar="SPAN", help="Runs that began before: 12h, 30d.")
@click.option("--keep", type=click.IntRange(0), metavar="N", help="All but the newest N runs.")
@click.option("--max-size", type=Bytes(), metavar="SIZE", help="The oldest until SIZE: 500M, 2GB.")
@click.option("--label", help="Only runs with this label.")
@click.option("--open", "open_too", is_flag=True, help="Runs that have not ended, too.")
@click.option("--every", type=Span(), metavar="SPAN", help="Go on, once each SPAN: 10m, 1h.")
@click.option("--dry-run", is_flag=True, help="Only list what would go.")
def command(
    cli: Cli,
    *,
    runs: tuple[str, ...],
    every: float | None,
    older_than: float | None,
    keep: int | None,
    max_size: int | None,
    label: str | None,
    open_too: bool,
    dry_run: bool,
) -> None:
    """Delete old runs and give the space back.

    With RUNs, deletes these. With --older-than and --keep, only runs that both let go. With none of
    the three limits nothing is deleted, and only unused space is given back. Nothing of a deleted
    run stays but that there was one: `dashcam verify` counts them. Secrets that no run has any
    more leave the vault, for which its key is needed only if runs are sealed.
    """
    limits = (older_than, keep, max_size, label, every)
    if runs and any(limit is not None for limit in limits):
        raise click.UsageError("RUN goes with none of the limits")
    if every is not None and (dry_run or limits[:3] == (None, None, None)):
        raise click.UsageError("--every needs --older-than, --keep or --max-size, and no --dry-run")
    if dry_run and max_size is not None:
        raise click.UsageError("--max-size cannot tell beforehand what --dry-run asks")
    if label and older_than is None and keep is None and max_size is None:
        raise click.UsageError("--label needs --older-than, --keep or --max-size")
    with reading(cli) as store:
        while True:
            going = [_named(store, ref) for ref in runs]
            if older_than is not None or keep is not None:
                until = None if older_than is None else time.time() - older_than
                going = chosen(store, until=until, keep=keep or 0, label=label, open_too=open_too)
            if dry_run:
                _list(cli, going)
                return
            reason = "deleted" if runs else "retention"
            _clean(cli, store, going, max_size=max_size, label=label, reason=reason)
            if every is None:
                return
            time.sleep(every)


def _clean(
    cli: Cli,
    store: Store,
    going: list[RunRow],
    *,
    max_size: int | None,
    label: str | None,
    reason: str,
) -> None:
    before = _on_disk(store)
    for row in progress(going, "deleting", len(going)):
        patiently(partial(store.delete_run, row.run.id, reason=reason))
    ids = [row.run.id for row in going]
    if max_size is None:
        patiently(lambda: store.gc(before=_LONG_AGO))
    else:
        ids += patiently(lambda: store.gc(label=label, max_bytes=max_size))
    freed = max(0, before - _on_disk(store))
    forgotten = _forget(store)
    if cli.json:
        put_json({"deleted": ids, "freedBytes": freed, "forgottenSecrets": forgotten})
    else:
        said = f", {count(forgotten, 'secret')} taken out of the vault" if forgotten else ""
        note(f"deleted {count(len(ids), 'run')}, freed {size(freed)}{said}")


def _forget(store: Store) -> int:
    """Takes secrets out of the vault that no run has any more; how many."""
    from proxy.core.redaction import mentions
    from proxy.stores import vault

    if not store.url.startswith("sqlite:///") or not (path := vault.path_of(store.url)).exists():
        return 0
    if locked := store.sealed().locked:
        note(
            f"the vault keeps all it has: {count(locked, 'sealed run')} may need it, which only"
            " their key opens (--vault)"
        )
        return 0
    unused = vault.names_in(path)
    rows = store.runs(RunQuery(limit=sys.maxsize)) if unused else []
    for row in progress(rows, "looking for secrets", len(rows)):
        if not unused:
            break
        id_ = row.run.id
        with suppress(RecordingNotFound):  # deleted by somebody else
            unused -= mentions.of_values((row.run, store.events(id_), store.outcomes(id_)))
            for exchange in store.exchanges(id_) if unused else ():
                unused -= mentions.of_exchange(exchange)
    return vault.forget(path, unused) if unused else 0


def _named(store: Store, ref: str) -> RunRow:
    """The row of a run by id, unique prefix, or `last`."""
    run = store.find_run(ref)
    query = RunQuery(text=run.id, limit=sys.maxsize)
    return next(row for row in store.runs(query) if row.run.id == run.id)


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


def _list(cli: Cli, going: list[RunRow]) -> None:
    if cli.json:
        put_json({"wouldDelete": [row.run.id for row in going]})
    else:
        put(table(COLUMNS, map(cells, going)), fit=True)
        note(f"{count(len(going), 'run')} would go")


def _on_disk(store: Store) -> int:
    found = store.size()
    return found.file + found.log
