"""`dashcam schemas`: what is declared of tools, first schemas from recordings, and drift."""

from collections.abc import Sequence
from pathlib import Path

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._print import Column, note, put, put_json, table

CLEAN, DRIFTED, NOTHING = 0, 2, 125
_ACTIONS = ("list", "infer", "check")


@subcommand(
    help="""The schemas of tools. ACTION is

\b
list    what is declared, where it applies, how strictly (default)
infer   write a first schema for each tool that the RUNs call
check   what in the RUNs breaks the schemas, or differs from an earlier run

Without a RUN, infer reads the newest completed runs, and check the newest run. RUN is an id, a
unique prefix, `last`, or a recording's file. check ends with 0 when all is well, 2 when something
has drifted, 125 when there was nothing to compare.""",
    epilog="""\b
Examples:
  dashcam schemas infer last
  dashcam schemas check last
  dashcam schemas check recordings/today.jsonl --against recordings/good.jsonl --json""",
)
@click.option("--tool", metavar="GLOB", default="*", help="Only tools with such a name or step.")
@click.option("--to", metavar="FOLDER", help="For infer: where to (default: schemas.folder).")
@click.option("--force", is_flag=True, help="For infer: write over files that are there.")
@click.option("--label", help="For infer without a RUN: only runs with this label.")
@click.option("--against", metavar="RUN", help="For check: the earlier run to compare with.")
@click.option("--strict", is_flag=True, help="For check: what does not break a reader counts, too.")
@click.argument("action", type=click.Choice(_ACTIONS), default="list")
@click.argument("runs", metavar="[RUN]...", nargs=-1)
def command(
    cli: Cli,
    *,
    action: str,
    runs: Sequence[str],
    tool: str,
    to: str | None,
    force: bool,
    label: str | None,
    against: str | None,
    strict: bool,
) -> int:
    """See the help."""
    if action != "check" and (against or strict):
        raise click.UsageError("--against and --strict go with check")
    if action != "infer" and (to or force or label):
        raise click.UsageError("--to, --force and --label go with infer")
    if action == "list":
        if runs:
            raise click.UsageError("list takes no RUN")
        return _list(cli, tool)
    if action == "infer":
        from proxy.cli._infer import infer

        return infer(cli, runs, tool, label, Path(to) if to else None, force=force)
    from proxy.cli._schema_check import check

    return check(cli, runs, tool, against, strict=strict)


def _list(cli: Cli, glob: str) -> int:
    from fnmatch import fnmatchcase

    from proxy.core.schemas import Book, Declared
    from proxy.engine.schema_files import load
    from proxy.runtime import schema_rules

    settings = cli.settings()
    where = settings.schemas
    loaded = load(where.folder, where.openapi)
    found = [
        one
        for one in Book(loaded.declared, schema_rules(settings)).declared
        if fnmatchcase(one.name, glob)
    ]

    def applies(one: Declared) -> str:
        if one.route is None:
            return f"tool {one.tool}"
        path = "/".join(("", *one.route.segments))
        return f"{one.route.method or '*'} {one.route.host}{path}"

    def sides(one: Declared) -> str:
        asked = "request" if one.request is not None or one.query is not None else ""
        return ", ".join(filter(None, (asked, "response" if one.responses else "")))

    if cli.json:
        put_json(
            {
                "schemas": [
                    {
                        "name": one.name,
                        "mode": one.mode,
                        "appliesTo": applies(one),
                        "sides": sides(one).split(", "),
                        "source": one.source,
                    }
                    for one in found
                ],
                "problems": list(loaded.problems),
            }
        )
    elif found:
        columns = [Column(title) for title in ("schema", "mode", "applies to", "of", "source")]
        rows = [
            [
                (one.name, "bold"),
                (one.mode, _STYLES[one.mode]),
                (applies(one), ""),
                (sides(one), "dim"),
                (one.source, "dim"),
            ]
            for one in found
        ]
        put(table(columns, rows), fit=True)
    elif not loaded.problems:
        note(f"nothing is declared in {where.folder}; `dashcam schemas infer last` makes a start")
    for problem in loaded.problems if not cli.json else ():
        note(f"not a schema: {problem}")
    return 1 if loaded.problems else CLEAN


_STYLES = {"observe": "", "warn": "yellow", "enforce": "red"}
