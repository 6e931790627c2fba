"""`dashcam import`: runs from files into the store."""

from pathlib import Path
from typing import NamedTuple

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._print import note, put_json
from proxy.cli._progress import progress
from proxy.cli._restore import renamed, restore, same, whole
from proxy.cli._source import writing
from proxy.cli._text import count
from proxy.core.model import Snapshot
from proxy.errors import DashcamError, RecordingNotFound
from proxy.stores._api import Store


class Imported(NamedTuple):
    """What became of a run: imported, or skipped because it is there already."""

    file: str
    run: str
    state: str
    renamed_from: str | None = None


@subcommand()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--rename", is_flag=True, help="Give a run whose id is taken by another a new id.")
def command(cli: Cli, *, files: tuple[str, ...], rename: bool) -> None:
    """Read runs from files into the store.

    A FILE is a recording, or in another format that is known by its content. All files are read
    before anything is stored. A run that is in the store already is skipped; one whose id belongs
    to another run is refused, unless --rename.
    """
    from proxy.importers import load

    read = [(name, found) for name in progress(files, "reading") for found in load(Path(name))]
    from proxy.runtime import redactor_of

    with writing(cli) as store:
        redact = redactor_of(cli.settings(), store).exchange
        planned = [
            _plan(store, name, whole(snapshot, redact), rename=rename) for name, snapshot in read
        ]
        done = [result for result, _ in planned]
        for result, snapshot in progress(planned, "importing", len(planned)):
            if result.state == "imported" and not _is_there(store, snapshot):
                restore(store, snapshot)
    if cli.json:
        put_json([result._asdict() for result in done])
        return
    for result in done:
        was = f" (was {result.renamed_from})" if result.renamed_from else ""
        note(f"{result.file}: {result.state} {result.run}{was}")
    new = sum(result.state == "imported" for result in done)
    note(f"{count(new, 'run')} imported, {len(done) - new} there already")


def _plan(
    store: Store, name: str, snapshot: Snapshot, *, rename: bool
) -> tuple[Imported, Snapshot]:
    run_id = snapshot.run.id
    stored = _stored(store, run_id)
    if stored is None:
        return Imported(name, run_id, "imported"), snapshot
    if same(stored, snapshot):
        return Imported(name, run_id, "skipped"), snapshot
    if not rename:
        raise DashcamError(
            f"{name}: the store has another run {run_id}",
            hint="--rename imports it under a new id; nothing was imported",
        )
    number = 2
    while (stored := _stored(store, f"{run_id}-{number}")) is not None:
        again = renamed(snapshot, number)
        if same(stored, again):
            return Imported(name, again.run.id, "skipped", run_id), again
        number += 1
    new = renamed(snapshot, number)
    return Imported(name, new.run.id, "imported", run_id), new


def _is_there(store: Store, snapshot: Snapshot) -> bool:
    """Whether an earlier file of this import brought the same run."""
    return _stored(store, snapshot.run.id) is not None


def _stored(store: Store, run_id: str) -> Snapshot | None:
    try:
        found = store.find_run(run_id)
    except RecordingNotFound:
        return None
    return store.snapshot(run_id) if found.id == run_id else None
