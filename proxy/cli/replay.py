"""`dashcam replay`: run a command offline against a recording."""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from proxy.cli._common import Cli, subcommand

_HOST = "host:"


@subcommand(
    help="Run CMD offline: recorded answers, errors included, in place of the world.",
    epilog="""\b
Examples:
  dashcam replay last -- python agent.py
  dashcam replay recordings/refund-401.dashcam.jsonl -- node agent.mjs
  dashcam replay last --pace recorded --report report.json -- python agent.py

RUN `last` is the newest run that is not itself a replay. No host is contacted unless named
with --live host:NAME. Ends with 0 when clean, 2 when the run diverged, 125 when nothing was
asked or CMD could not be started.""",
)
@click.option("--pace", metavar="PACE", help="instant (default), recorded, or a factor.")
@click.option("--match", metavar="HOW", help="exact, normalised (default) or sequence.")
@click.option("--live", metavar="host:NAME", multiple=True, help="A host that may be contacted.")
@click.option("--reuse", is_flag=True, help="Serve a recorded call again when all are used up.")
@click.option("--report", "report_file", metavar="FILE", help="Write the report as JSON.")
@click.option("--upstream-ca", metavar="FILE", help="For live hosts: CAs they may be signed by.")
@click.option(
    "--loopback/--no-loopback", default=True, help="Serve calls to this machine too (default)."
)
@click.argument("ref", metavar="RUN")
@click.argument("argv", metavar="-- CMD...", nargs=-1, required=True, type=click.UNPROCESSED)
def command(
    cli: Cli,
    *,
    ref: str,
    argv: Sequence[str],
    live: Sequence[str],
    reuse: bool,
    report_file: str | None,
    upstream_ca: str | None,
    loopback: bool,
    **flags: Any,
) -> int:
    """See the help."""
    from proxy.cli._replay import replayed

    for name in live:
        if not name.startswith(_HOST) or len(name) == len(_HOST):
            raise click.UsageError(f"--live {name!r} is not host:NAME")
    if upstream_ca:
        flags["upstream_ca"] = Path(upstream_ca)
    settings = cli.settings(**flags)
    allow = (*settings.replay_allow, *[name.removeprefix(_HOST) for name in live])
    done = asyncio.run(
        replayed(settings, ref, argv=argv, allow=allow, reuse=reuse, loopback=loopback)
    )
    if report_file:
        text = json.dumps(done.as_json(), indent=2, ensure_ascii=False)
        Path(report_file).write_text(f"{text}\n", "utf-8")
    if cli.json:
        print(json.dumps(done.as_json(), ensure_ascii=False), file=sys.stderr)
    else:
        done.tell()
    return done.exit_code
