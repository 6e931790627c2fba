"""`dashcam backup`: a copy of the store that opens as one."""

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._files import move, taken
from proxy.cli._print import note, put_json
from proxy.cli._source import reading, shown
from proxy.cli._text import size
from proxy.errors import StoreError


@subcommand()
@click.argument("file")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
def command(cli: Cli, *, file: str, force: bool) -> None:
    """Copy the store to a file while it is in use.

    FILE is whole or is not there at all; it opens as a store: --store sqlite:///FILE. The copy is
    checked before it is put into its place.
    """
    from proxy.stores import open_store, private_files

    path = Path(file)
    if path.exists() and not force:
        raise taken(path)
    private_files.make_folder(path.parent)
    with (
        _ended_in_order(),
        reading(cli) as store,
        tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder,
    ):
        copy = Path(folder) / "copy.db"
        store.backup(copy)
        opened = open_store(f"sqlite:///{copy}", create=False, vault=cli.settings().vault)
        try:
            problems = opened.verify()
        finally:
            opened.close()
        if problems:
            raise StoreError(
                f"the copy is damaged: {problems[0].where}: {problems[0].what}",
                hint=f"so may be {shown(store.url)}: `dashcam verify` says more",
            )
        move(copy, path, force=force)
    written = path.stat().st_size
    if cli.json:
        put_json({"file": str(path), "bytes": written})
    else:
        note(f"wrote {path} ({size(written)})")


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """SIGTERM ends what is in here as Ctrl-C does: no half of a copy stays behind."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
