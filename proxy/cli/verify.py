"""`dashcam verify`: is everything that was stored still what it was?"""

import sys
from pathlib import Path

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._print import note, put, put_json
from proxy.cli._source import reading, shown
from proxy.errors import RecordingFormatError
from proxy.stores._api import Problem


@subcommand()
@click.argument("files", nargs=-1, metavar="[FILE]...")
def command(cli: Cli, *, files: tuple[str, ...]) -> int:
    """Check the store: the file, every hash, every timeline.

    With FILEs, checks these recordings instead. Ends with 1 when something is wrong.
    """
    problems: list[Problem] = []
    if files:
        for name in files:
            problems += _check_file(Path(name))
        what = ", ".join(files)
    else:
        if sys.stderr.isatty():
            note("checking every hash …")
        with reading(cli) as store:
            problems += store.verify()
            what = shown(store.url)
    if cli.json:
        put_json(
            {"ok": not problems, "problems": [{"where": at, "what": said} for at, said in problems]}
        )
    elif problems:
        put([(f"{at}: ", "bold"), (said, "red")] for at, said in problems)
    else:
        put([[("all well: ", "green"), (what, "")]])
    return 1 if problems else 0


def _check_file(path: Path) -> list[Problem]:
    from proxy.importers import load

    try:
        load(path)
    except RecordingFormatError as error:
        return [Problem(str(path), error.message.removeprefix(f"{path}: "))]
    return []
