"""`dashcam ca`: the certificate authority of this install."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from proxy.cli._common import Cli, subcommand

_ACTIONS = ("show", "path", "bundle", "rotate", "create")


@subcommand(
    help="""The certificate authority that signs what clients see. ACTION is

\b
show    its name, fingerprint and dates (default)
path    the file with its certificate
bundle  a file of the public roots and this CA, for SSL_CERT_FILE and the like
rotate  make a new one; what trusted the old one must be told
create  make one that can only sign the hosts given with --host""",
    epilog="""\b
Examples:
  export SSL_CERT_FILE=$(dashcam ca bundle)
  dashcam ca create --host api.openai.com --host acme.test""",
)
@click.option("--host", metavar="HOST", multiple=True, help="For create: a host it may sign.")
@click.argument("action", type=click.Choice(_ACTIONS), default="show")
def command(cli: Cli, *, action: str, host: Sequence[str]) -> int:
    """See the help."""
    from proxy.launch.authority import facts, load_or_create, rotate
    from proxy.launch.bundle import write_bundle

    if host and action not in {"create", "rotate"}:
        raise click.UsageError("--host goes with create or rotate")
    if action == "create" and not host:
        raise click.UsageError("create takes the hosts that the CA may sign: --host HOST")
    folder = cli.settings().ca_dir
    if action in {"rotate", "create"}:
        authority = rotate(folder, name_constraints=host)
    else:
        authority = load_or_create(folder)
    if action == "path":
        print(authority.cert_path)
    elif action == "bundle":
        print(write_bundle(Path(folder), authority.cert_pem, os.environ))
    else:
        known = facts(authority)
        shown = {
            "name": known.name,
            "fingerprint": known.fingerprint,
            "notBefore": known.not_before.isoformat(),
            "notAfter": known.not_after.isoformat(),
            "onlyFor": list(known.name_constraints),
            "path": str(authority.cert_path),
        }
        if cli.json:
            json.dump(shown, sys.stdout, indent=2)
            print()
        else:
            for key, value in shown.items():
                print(f"{key:12} {', '.join(value) if isinstance(value, list) else value}")
    return 0
