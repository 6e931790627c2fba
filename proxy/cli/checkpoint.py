"""`dashcam checkpoint`: says, signed, what the store holds; to be kept elsewhere."""

import time

import click

from proxy.cli._checkpoints import STDOUT, checkpoint_of, put
from proxy.cli._common import Cli, subcommand
from proxy.cli._patience import patiently
from proxy.cli._print import note
from proxy.cli._source import reading, shown
from proxy.cli._text import count
from proxy.cli._when import Span


@subcommand()
@click.option(
    "--to", default=STDOUT, metavar="FILE", help="Append to FILE; `syslog`; - prints it (default)."
)
@click.option("--every", type=Span(), metavar="SPAN", help="Go on, one each SPAN: 5m, 1h.")
@click.option("--key", "only_key", is_flag=True, help="Only print the public key that signs.")
def command(cli: Cli, *, to: str, every: float | None, only_key: bool) -> None:
    """Say, signed, which records the store holds.

    Keep it where nobody who can write to the store can change it: `dashcam verify --checkpoint
    FILE` then finds whatever was changed, removed, swapped, inserted or cut off since. A
    checkpoint is one line of JSON; files of many are fine.
    """
    from proxy.stores import signing

    key = signing.load_or_make(cli.settings().home)
    if only_key:
        print(signing.public(key))
        return
    with reading(cli) as store:
        while True:
            said = signing.sign(patiently(lambda: checkpoint_of(store)), key)
            put(said, to)
            if to != STDOUT:
                note(
                    f"{count(said.size, 'record')} of {shown(store.url)} to {to},"
                    f" signed by {signing.fingerprint(said.key)}"
                )
            if every is None:
                return
            time.sleep(every)
