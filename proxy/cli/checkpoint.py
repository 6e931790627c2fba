"""`dashcam checkpoint`: says, signed, what the store holds; to be kept elsewhere."""

import os
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._patience import patiently
from proxy.cli._print import note
from proxy.cli._source import reading, shown
from proxy.cli._text import count
from proxy.cli._when import Span
from proxy.core import chain
from proxy.core.chain import Checkpoint
from proxy.errors import DashcamError
from proxy.stores._api import Store

SYSLOG = ("/dev/log", "/var/run/syslog", "/var/run/log")  # Linux, macOS, the BSDs
_PRIORITY = 10 * 8 + 5  # security messages, notice: RFC 5424, section 6.2.1


@subcommand()
@click.option(
    "--to", default="-", metavar="FILE", help="Append to FILE; `syslog`; - prints it (default)."
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
            _put(said, to)
            if to != "-":
                note(
                    f"{count(said.size, 'record')} of {shown(store.url)} to {to},"
                    f" signed by {signing.fingerprint(said.key)}"
                )
            if every is None:
                return
            time.sleep(every)


def checkpoint_of(store: Store) -> Checkpoint:
    """What the store holds now, not signed yet."""
    head = store.head()
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Checkpoint(chain.store_id(store.secret()), head.size, head.link.hex(), now)


def _put(said: Checkpoint, to: str) -> None:
    if to == "-":
        print(said.line())
        sys.stdout.flush()
    elif to == "syslog":
        _log(said.line())
    else:
        path = Path(to)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(said.line() + "\n")
            file.flush()
            os.fsync(file.fileno())


def _log(line: str) -> None:
    """To this machine's syslog; the module `syslog` would not say that there is none."""
    for path in SYSLOG:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            try:
                log.sendto(f"<{_PRIORITY}>dashcam[{os.getpid()}]: {line}".encode(), path)
            except OSError:
                continue
            return
    raise DashcamError("there is no syslog here", hint="write to a file: --to FILE")
