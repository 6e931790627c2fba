"""`dashcam fork`: run a command on a recording up to a call, and live from there."""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from proxy.cli._common import Cli, subcommand


@subcommand(
    help="Run CMD on a recording up to call N, and live from there.",
    epilog="""\b
Examples:
  dashcam fork last --at 5 -- python agent.py
  dashcam fork last --at 5 --model gpt-5 --set temperature=0 -- python agent.py
  dashcam fork last --at 1 --set system=@prompt.txt --live llm -- python agent.py

Calls before N are served from the recording. From N on every call is real, tools with effects
included; with --live only what it names, and the rest still comes from the recording. The result
is a run of its own, a child of RUN: `dashcam diff` compares the two. --model, --base-url and
--set change the model calls that go live, and nothing else; without --as-is these have temperature
0 and a seed too, where the model takes them. Ends with 0; with 2 when CMD went
another way before N, or missed something; with 125 when it never got to N.""",
)
@click.option(
    "--at", type=click.IntRange(min=1), required=True, metavar="N", help="The first live call."
)
@click.option("--model", metavar="MODEL", help="Another model, for the live model calls.")
@click.option("--base-url", metavar="URL", help="Another place for them: http://127.0.0.1:8000/v1.")
@click.option(
    "--set", "changes", metavar="K=V", multiple=True, help="temperature=0, system=@file, a.b=1."
)
@click.option(
    "--live", metavar="WHAT", multiple=True, help="Only this goes live: llm, tools:NAME, host:NAME."
)
@click.option("--as-is", is_flag=True, help="Live model calls without temperature 0 and a seed.")
@click.option("--match", metavar="HOW", help="exact, normalised (default) or sequence.")
@click.option("--vault", metavar="KEY", help="Gives secrets back to what goes live; opens RUN.")
@click.option("--upstream-ca", metavar="FILE", help="A PEM file of CAs that upstreams may have.")
@click.option(
    "--loopback/--no-loopback", default=True, help="Capture calls to this machine too (default)."
)
@click.argument("ref", metavar="RUN")
@click.argument("argv", metavar="-- CMD...", nargs=-1, required=True, type=click.UNPROCESSED)
def command(
    cli: Cli,
    *,
    ref: str,
    argv: Sequence[str],
    at: int,
    model: str | None,
    base_url: str | None,
    changes: Sequence[str],
    live: Sequence[str],
    as_is: bool,
    upstream_ca: str | None,
    loopback: bool,
    **flags: Any,
) -> int:
    """See the help."""
    from proxy.cli._replay import replayed
    from proxy.core.replay import Live, Rewrite
    from proxy.core.replay.live import parse
    from proxy.engine.replayer import Mode

    if upstream_ca:
        flags["upstream_ca"] = Path(upstream_ca)
    settings = cli.settings(**flags)
    named = parse(live, settings.replay_allow) if live else Live(everything=True)
    mode = Mode(
        settings.match,
        settings.pace,
        live=named,
        at=at,
        rewrite=Rewrite(model, base_url, fields(changes)),
        steady=not as_is,
    )
    done = asyncio.run(replayed(settings, ref, argv=argv, mode=mode, loopback=loopback, fork=True))
    if cli.json:
        print(json.dumps(done.as_json(), ensure_ascii=False), file=sys.stderr)
    else:
        done.tell()
    return done.exit_code


def fields(changes: Sequence[str]) -> Mapping[str, Any]:
    """What --set gives: JSON where it is JSON, else text; `@file` is the text of a file.

    Raises:
        click.UsageError: one is not K=V.
    """
    found: dict[str, Any] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not (name and equals):
            raise click.UsageError(f"--set {change!r} is not K=V")
        found[name] = _value(value)
    return found


def _value(text: str) -> Any:
    if text.startswith("@"):
        return Path(text[1:]).read_text("utf-8").removesuffix("\n")
    try:
        return json.loads(text)
    except ValueError:
        return text
