"""`dashcam run`: record a command and everything it calls."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from proxy.cli._common import Cli, subcommand


@subcommand(
    help="Record CMD and everything it calls.",
    epilog="""\b
Examples:
  dashcam run -- python agent.py
  dashcam run --label SupportAgent --meta ticket=18422 -- node agent.mjs

Ends with CMD's exit code. The child sees DASHCAM_RUN and DASHCAM_API. Inside another
`dashcam run`, or with DASHCAM_API naming a running `dashcam up`, it joins that one.""",
    context_settings={"ignore_unknown_options": False},
)
@click.option("--id", "run_id", metavar="ID", help="The run's id (default: a new one).")
@click.option("--label", metavar="LABEL", help="What kind of agent this is.")
@click.option("--group", metavar="PATH", help="The phase of calls that name none: plan/retrieve.")
@click.option("--meta", metavar="KEY=VALUE", multiple=True, help="Metadata; may be repeated.")
@click.option("--durability", metavar="MODE", help="durable or fast.")
@click.option("--vault", metavar="KEY", help="Seal what secrets were: a key file, env:NAME, age1….")
@click.option(
    "--vault-bodies", is_flag=True, default=None, help="Seal the recordings too, with that key."
)
@click.option("--upstream-ca", metavar="FILE", help="A PEM file of CAs that upstreams may have.")
@click.option(
    "--loopback/--no-loopback", default=True, help="Capture calls to this machine too (default)."
)
@click.argument("argv", metavar="-- CMD...", nargs=-1, required=True, type=click.UNPROCESSED)
def command(
    cli: Cli,
    *,
    run_id: str | None,
    label: str | None,
    group: str | None,
    meta: Sequence[str],
    durability: str | None,
    vault: str | None,
    vault_bodies: bool | None,
    upstream_ca: str | None,
    loopback: bool,
    argv: Sequence[str],
) -> int:
    """See the help."""
    for item in meta:
        if "=" not in item:
            raise click.UsageError(f"--meta {item!r} is not KEY=VALUE")
    flags: dict[str, Any] = {"durability": durability, "label": label, "vault": vault}
    flags["vault_bodies"] = vault_bodies
    if upstream_ca:
        flags["upstream_ca"] = Path(upstream_ca)
    settings = cli.settings(**flags)
    outer = os.environ.get("DASHCAM_API", "")
    if "://" in outer:
        from proxy.cli._attach import attached

        if vault_bodies:
            raise click.UsageError(
                f"this run joins the Dashcam at {outer}: start that one with --vault-bodies"
            )
        return attached(outer, run_id, label, meta, argv, loopback=loopback)
    from proxy.cli._record import recorded

    done = asyncio.run(
        recorded(settings, run_id, group=group, meta=meta, argv=argv, loopback=loopback)
    )
    if cli.json:
        print(json.dumps(done.as_json(), ensure_ascii=False), file=sys.stderr)
    else:
        done.tell()
    return done.exit_code
