"""`dashcam verify`: is everything that was stored still what it was?"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._print import note, put, put_json
from proxy.cli._source import reading, shown
from proxy.cli._text import count, moment
from proxy.core import chain
from proxy.core.chain import Checkpoint
from proxy.errors import DashcamError, RecordingFormatError, StoreError
from proxy.stores._api import Gap, Problem, Purge, Sealed, Store
from proxy.stores.timestamps import to_text


@subcommand()
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    metavar="FILE",
    help="Check against the checkpoints in FILE; - reads them from stdin.",
)
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="KEY",
    help="The public key that has to have signed them (default: this install's).",
)
def command(
    cli: Cli, *, files: tuple[str, ...], checkpoints: tuple[str, ...], keys: tuple[str, ...]
) -> int:
    """Check the store: the file, every hash, every timeline, the chain over all records.

    With --checkpoint, also whether everything that was stored by then is still there and
    unchanged. With FILEs, checks these recordings instead. Ends with 1 when something is wrong.
    """
    if files and checkpoints:
        raise click.UsageError("--checkpoint is for the store, not for recordings")
    said = [one for name in checkpoints for one in _read(name)]
    problems: list[Problem] = []
    more: dict[str, Any] = {}
    if files:
        for name in files:
            problems += _check_file(Path(name))
        what = ", ".join(files)
    else:
        if sys.stderr.isatty():
            note("checking every hash …")
        with reading(cli) as store:
            problems += _signatures(said, keys or _own_key(cli))
            problems += store.verify(said)
            gaps, purges, sealed = store.gaps(), store.purges(), store.sealed()
            what = shown(store.url)
            more = {**_chain(store), "checkpoints": len(said), **_objects(gaps, purges)}
            more["sealed"] = sealed._asdict()
        if not cli.json:
            _tell(gaps, purges, sealed)
    if cli.json:
        listed = [problem._asdict() for problem in problems]
        put_json({"ok": not problems, "problems": listed, **more})
    elif problems:
        put([(f"{at}: ", "bold"), (found, "red")] for at, found in problems)
    else:
        against = f", and as {count(len(said), 'checkpoint')} said" if checkpoints else ""
        put([[("all well: ", "green"), (f"{what}{against}", "")]])
    return 1 if problems else 0


def _read(name: str) -> list[Checkpoint]:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text("utf-8", "replace")
        return chain.parse(text)
    except RecordingFormatError as error:
        raise DashcamError(
            f"{name}: {error.message}", hint="`dashcam checkpoint --to FILE` makes them"
        ) from error


def _own_key(cli: Cli) -> tuple[str, ...]:
    from proxy.stores import signing

    key = signing.known(cli.settings().home)
    return () if key is None else (key,)


def _signatures(said: Sequence[Checkpoint], keys: Sequence[str]) -> list[Problem]:
    """Checkpoints that nobody signed whom we know."""
    if not said:
        return []
    from proxy.stores import signing

    found = []
    for one in said:
        if not signing.is_signed(one):
            found.append(Problem("checkpoint", f"that of {one.at} is not signed by its key"))
        elif one.key not in keys:
            what = f"that of {one.at} is signed by another key: --key {one.key} if you know it"
            found.append(Problem("checkpoint", what))
    return found


def _chain(store: Store) -> dict[str, Any]:
    try:
        head = store.head()
    except StoreError:
        return {}
    said = {"store": chain.store_id(store.secret()), "records": head.size, "head": head.link.hex()}
    return {"chain": said}


def _objects(gaps: Sequence[Gap], purges: Sequence[Purge]) -> dict[str, Any]:
    return {
        "gaps": [
            {
                "since": to_text(gap.since),
                "until": to_text(gap.until),
                "calls": gap.calls,
                "reason": gap.reason,
            }
            for gap in gaps
        ],
        "purges": [
            {"run": run, "at": to_text(at), "records": entries, "reason": reason}
            for run, at, entries, reason in purges
        ],
    }


def _tell(gaps: Sequence[Gap], purges: Sequence[Purge], sealed: Sealed) -> None:
    """What is no problem, and yet not there."""
    for gap in gaps:
        span = f"{moment(gap.since)} to {moment(gap.until)}"
        note(f"gap: {count(gap.calls, 'call')} not stored, {span}: {gap.reason}")
    if purges:
        newest = max(purge.at for purge in purges)
        note(f"{count(len(purges), 'run')} purged, the last one at {moment(newest)}")
    if sealed.locked:
        note(
            f"sealed: of {count(sealed.locked, 'run')} only the stored bytes and the chain were"
            " checked; with its key (--vault) also what is in them"
        )


def _check_file(path: Path) -> list[Problem]:
    from proxy.importers import load

    try:
        load(path)
    except RecordingFormatError as error:
        return [Problem(str(path), error.message.removeprefix(f"{path}: "))]
    return []
