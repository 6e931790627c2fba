"""`dashcam tail`: what is recorded, as it is stored."""

import time
from collections.abc import Callable, Iterator

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._print import Line, note, put, put_json_line
from proxy.cli._source import is_missing, reading, shown
from proxy.cli._text import clock, duration
from proxy.cli._timeline import details, one_line, status
from proxy.core.model import Event
from proxy.core.objects import event_object
from proxy.stores._api import RunQuery, Store

POLL = 0.2  # seconds between looks at the store
_RECENT_RUNS = 20  # among these runs the newest events are looked for


@subcommand()
@click.option("--run", "ref", metavar="RUN", help="Only this run, from its beginning.")
@click.option(
    "--lines", type=click.IntRange(0), default=10, show_default=True, help="Start with the last N."
)
@click.option("--count", type=click.IntRange(1), metavar="N", help="Stop after N lines.")
def command(cli: Cli, *, ref: str | None, lines: int, count: int | None) -> None:
    """Follow calls as they are stored, until Ctrl-C."""
    show = _show_json if cli.json else _show
    try:
        url = cli.settings().store
        if is_missing(url) and ref is None:
            note(f"waiting for recordings at {shown(url)}")
            while is_missing(url):
                time.sleep(POLL)
        with reading(cli) as store:
            run_id = store.find_run(ref).id if ref else None
            for number, event in enumerate(follow(store, run_id, lines, time.sleep), 1):
                show(event)
                if number == count:
                    return
    except KeyboardInterrupt:
        return


def follow(
    store: Store, run_id: str | None, lines: int, sleep: Callable[[float], None]
) -> Iterator[Event]:
    """The newest events (of a run: all its events), then each new one; never ends by itself."""
    if run_id is not None:
        stored = store.events(run_id)
    else:
        rows = store.runs(RunQuery(limit=_RECENT_RUNS))
        stored = [event for row in rows for event in store.events(row.run.id)]
    stored.sort(key=lambda event: event.id or 0)
    mark = max((event.id or 0 for event in stored), default=0)
    yield from stored if run_id is not None else stored[len(stored) - min(lines, len(stored)) :]
    while True:
        mark, events = store.changes(mark)
        yield from (event for event in events if run_id in {None, event.run_id})
        if not events:
            sleep(POLL)


def line(event: Event) -> Line:
    """An event on one line."""
    data = event.data
    bad = event.status == "error"
    number = f"#{data['seq']} " if "seq" in data else ""
    latency = data.get("latencyMs")
    took = f"  {duration(latency)}" if isinstance(latency, int | float) else ""
    more = "".join(f" · {text}" for text in details(event) if text)
    error = f"  {one_line(data['error'])}" if data.get("error") else ""
    return [
        (clock(event.started_at), "dim"),
        (f"  {event.run_id}", "cyan"),
        (f"  {number}{event.name}", "bold"),
        (
            f"  {event.kind}" if event.kind == "group" else f"  {status(event)}",
            "red" if bad else "",
        ),
        (took, ""),
        (more, "dim"),
        (error, "red"),
    ]


def _show(event: Event) -> None:
    put([line(event)])


def _show_json(event: Event) -> None:
    put_json_line(event_object(event))
