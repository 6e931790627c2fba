"""`dashcam vault`: what secrets were, for whoever holds the key."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._print import note, put_json

_ACTIONS = ("init", "show", "reveal")
_FILE = "vault.key"


@subcommand(
    help="""What secrets were, sealed with a key that you hold. ACTION is

\b
init    make a key (NAME: its file, default vault.key in `home`)
show    the pseudonyms in the vault, and which of them your key opens (default)
reveal  print what pseudonyms (NAME…) stand for; `-`: put it back in what is piped in

The vault is a file beside the store. It has what was recorded with --vault (DASHCAM_VAULT),
and only since then. Without the key nobody can open it: not you, and not Dashcam.""",
    epilog="""\b
Examples:
  dashcam vault init
  dashcam run --vault ~/.dashcam/vault.key -- python agent.py
  dashcam vault reveal SECRET-openai-9f2c41d07ab3 --vault ~/.dashcam/vault.key
  dashcam export last --to - | dashcam vault reveal - --vault ~/.dashcam/vault.key
  dashcam up --vault age1…          # only the holder of the identity can reveal
  dashcam vault show --vault identity.txt""",
)
@click.option("--vault", "key", metavar="KEY", help="A key file, env:NAME, or age's identity file.")
@click.argument("action", type=click.Choice(_ACTIONS), default="show")
@click.argument("names", metavar="[NAME]...", nargs=-1)
def command(cli: Cli, *, key: str | None, action: str, names: Sequence[str]) -> int:
    """See the help."""
    settings = cli.settings(vault=key)
    if action == "init":
        _init(Path(names[0]) if names else settings.home / _FILE, as_json=cli.json)
        return 0
    from proxy.errors import ConfigError
    from proxy.runtime import vault_of

    if settings.vault is None:
        raise ConfigError(
            "no vault key is set", hint="give --vault KEY, or make one: `dashcam vault init`"
        )
    vault = vault_of(settings)
    assert vault is not None  # noqa: S101 - a key is set
    if action == "reveal":
        if not names:
            raise click.UsageError("reveal takes pseudonyms (SECRET-…), or - for what is piped in")
        if list(names) == ["-"]:
            sys.stdout.buffer.write(vault.restored(sys.stdin.buffer.read()))
            return 0
        found = {name: vault.reveal(name).decode("utf-8", "replace") for name in names}
        if cli.json:
            put_json(found)
        else:
            for value in found.values():
                print(value)
        return 0
    known = vault.names()
    if cli.json:
        opens = [{"name": name, "opens": opens} for name, opens in known]
        put_json({"file": str(vault.path), "secrets": opens})
        return 0
    for name, opened in known:
        print(name if opened else f"{name}  (sealed with another key)")
    note(f"{len(known)} secrets in {vault.path}")
    return 0


def _init(path: Path, *, as_json: bool) -> None:
    from proxy.errors import ConfigError
    from proxy.stores import private_files
    from proxy.stores.vault import new_key

    path = path.expanduser()
    if not private_files.make(path.absolute()):
        raise ConfigError(
            f"{path} is there already", hint="it is used with --vault, or name another"
        )
    text = (
        "# Dashcam vault key. Keep a copy elsewhere: without it nobody can open what it sealed.\n"
    )
    path.write_text(f"{text}{new_key()}\n", "ascii")
    if as_json:
        put_json({"file": str(path)})
    else:
        print(path)
        note(f"record with it: dashcam run --vault {path} -- CMD, or DASHCAM_VAULT={path}")
