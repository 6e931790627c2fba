"""`dashcam replay`: run a command offline against a recording."""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from proxy.cli._common import Cli, subcommand

CHOICES = ("none", "once", "new", "all", "verify")


@subcommand(
    help="Run CMD offline: recorded answers, errors included, in place of the world.",
    epilog="""\b
Examples:
  dashcam replay last -- python agent.py
  dashcam replay recordings/refund-401.dashcam.jsonl -- node agent.mjs
  dashcam replay last --live llm -- python agent.py             # the model live, the tools recorded
  dashcam replay last --live 'tools:GET crm.*' -- python agent.py

RUN `last` is the newest run that is neither replay nor fork. Nothing is contacted unless named
with --live: llm (every model call), tools:NAME (a tool's calls), host:NAME; NAME may have * in
it.

--mode none is offline. In the other modes too only what --live names goes live: new: where the
recording has no answer, which is added to its file; all: always, and the file is made anew; once:
all if there is no such file yet; verify: always, and what differs from the recording is told.

Ends with 0 when clean, 2 when the run diverged, 125 when nothing was asked or CMD could not
be started.""",
)
@click.option("--pace", metavar="PACE", help="instant (default), recorded, or a factor.")
@click.option("--match", metavar="HOW", help="exact, normalised (default) or sequence.")
@click.option("--clock", metavar="CLOCK", help="real (default), or recorded: CMD's time.")
@click.option(
    "--live", metavar="WHAT", multiple=True, help="What goes live: llm, tools:NAME, host:NAME."
)
@click.option("--mode", type=click.Choice(CHOICES), default="none", help="See below.")
@click.option("--as-is", is_flag=True, help="Live model calls without temperature 0 and a seed.")
@click.option("--suggest", is_flag=True, help="Say which ignore rules would make misses match.")
@click.option("--accept", is_flag=True, help="Write suggested rules into the recording.")
@click.option("--accept-config", is_flag=True, help="Write them into the settings file.")
@click.option("--reuse", is_flag=True, help="Serve a recorded call again when all are used up.")
@click.option("--report", "report_file", metavar="FILE", help="Write the report as JSON.")
@click.option("--upstream-ca", metavar="FILE", help="For live calls: CAs of the upstreams.")
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
    mode: str,
    as_is: bool,
    suggest: bool,
    accept: bool,
    accept_config: bool,
    reuse: bool,
    report_file: str | None,
    upstream_ca: str | None,
    loopback: bool,
    **flags: Any,
) -> int:
    """See the help."""
    from proxy.cli._accept import RECORDING, config_file
    from proxy.cli._modes import chosen
    from proxy.cli._replay import replayed
    from proxy.cli._source import is_file
    from proxy.core.replay.live import parse
    from proxy.engine.replayer import Mode

    if upstream_ca:
        flags["upstream_ca"] = Path(upstream_ca)
    settings = cli.settings(**flags)
    how = chosen(mode, there=not is_file(ref) or Path(ref).exists())
    named = parse(live, settings.replay_allow)
    if how == "none" and not named:
        settings = settings.of_replay()
    steady = how == "none" and not as_is
    played = Mode(settings.match, settings.pace, reuse, named, steady=steady)
    done = asyncio.run(
        replayed(
            settings,
            ref,
            argv=argv,
            mode=played,
            loopback=loopback,
            how=how,
            suggest=suggest or accept or accept_config,
            accept=config_file(cli.config) if accept_config else RECORDING if accept else None,
        )
    )
    if report_file:
        text = json.dumps(done.as_json(), indent=2, ensure_ascii=False)
        Path(report_file).write_text(f"{text}\n", "utf-8")
    if cli.json:
        print(json.dumps(done.as_json(), ensure_ascii=False), file=sys.stderr)
    else:
        done.tell()
    return done.exit_code
