"""`dashcam export`: a run as a file."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._files import write_whole
from proxy.cli._print import note, on_terminal, put_json
from proxy.cli._progress import progress
from proxy.cli._source import source
from proxy.cli._text import size
from proxy.core.model import Run
from proxy.errors import ConfigError

FOLDER = Path("recordings")
_STDOUT = "-"
_LONGEST = 80  # characters of a label in a file's name


@subcommand()
@click.argument("run")
@click.option("--to", metavar="FILE", help="Where to; `-` is stdout.")
@click.option(
    "--format", "form", metavar="FORMAT", help="dashcam, har, jsonl, html, markdown or vcr."
)
@click.option("--force", is_flag=True, help="Overwrite FILE.")
def command(cli: Cli, *, run: str, to: str | None, form: str | None, force: bool) -> None:
    """Write a run to a file.

    Without --to, a pipe gets the run, and at a terminal it goes to recordings/LABEL with the suffix
    of its format. Without --format the file's name tells it; the default is a recording, which
    `replay`, `show` and `import` read.
    """
    from proxy.exporters import EXPORTERS

    suffixes = {name: exporter.suffix for name, exporter in EXPORTERS.items()}
    name = form or _by_suffix(to, suffixes)
    if name not in EXPORTERS:
        raise ConfigError(
            f"there is no format {name!r}", hint=f"choose one of {', '.join(EXPORTERS)}"
        )
    exporter = EXPORTERS[name]
    with source(cli, run) as found:
        snapshot = found.snapshot()
    pieces = exporter.export(snapshot)
    if to == _STDOUT or (to is None and not on_terminal()):
        _to_stdout(pieces)
        return
    path = Path(to) if to else FOLDER / file_name(snapshot.run, exporter.suffix)
    written = write_whole(path, progress(pieces, "exporting"), force=force)
    if cli.json:
        put_json({"run": snapshot.run.id, "file": str(path), "format": name, "bytes": written})
    else:
        note(f"wrote {path} ({size(written)})")


def file_name(run: Run, suffix: str) -> str:
    """A file's name from the run's label, or from its id when the label has nothing to offer."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", run.label)[:_LONGEST].strip("-.")
    return (plain or re.sub(r"[^A-Za-z0-9_-]+", "-", run.id)) + suffix


def _by_suffix(to: str | None, suffixes: dict[str, str]) -> str:
    fitting = [name for name, suffix in suffixes.items() if to and to.endswith(suffix)]
    return max(fitting, key=lambda name: len(suffixes[name]), default="dashcam")


def _to_stdout(pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
