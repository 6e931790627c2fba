"""`dashcam show`: a run's timeline, or one call in full."""

import shutil
import sys
from typing import Any

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._header import header_lines
from proxy.cli._print import on_terminal, put, put_json
from proxy.cli._source import Source, source
from proxy.cli._timeline import timeline
from proxy.core.objects import event_object, exchange_object, run_object
from proxy.core.outcomes import as_object, current_outcome


@subcommand()
@click.argument("run")
@click.option("--call", "number", type=int, metavar="N", help="Request and response of call N.")
@click.option("--raw", is_flag=True, help="With --call: the stored bytes, exactly.")
@click.option(
    "--part",
    type=click.Choice(["request", "response"]),
    help="With --raw: only the body of the request or the response.",
)
def command(cli: Cli, *, run: str, number: int | None, raw: bool, part: str | None) -> None:
    """Show a run's timeline, or one of its calls in full.

    RUN is an id, a unique prefix, `last`, or a recording's file.
    """
    if number is None and (raw or part):
        raise click.UsageError("--raw and --part need --call N")
    if part and not raw:
        raise click.UsageError("--part needs --raw")
    with source(cli, run) as found:
        if number is not None:
            _call(cli, found, number, raw=raw, part=part)
        elif cli.json:
            put_json(run_document(found))
        else:
            put(header_lines(found))
            put([[]])
            room = shutil.get_terminal_size().columns if on_terminal() else None
            put(timeline(found.events, room), fit=True)


def run_document(found: Source) -> dict[str, Any]:
    """A run with its outcome and its timeline, as one JSON object."""
    counts = current_outcome(found.outcomes)
    return run_object(found.run) | {
        "verdict": as_object(counts) if counts else None,
        "events": [event_object(event) for event in found.events],
    }


def _call(cli: Cli, found: Source, number: int, *, raw: bool, part: str | None) -> None:
    from proxy.cli._call import call_lines, raw_message  # decoders: not needed for a timeline

    exchange = found.call(number)
    if raw:
        if on_terminal():
            raise click.UsageError("--raw writes bytes as they came: send them to a file or a pipe")
        sys.stdout.buffer.write(raw_message(exchange, part))
        sys.stdout.buffer.flush()
    elif cli.json:
        put_json(exchange_object(exchange))
    else:
        events = (event for event in found.events if event.data.get("exchangeId") == exchange.id)
        put(call_lines(exchange, next(events, None)))
