"""Where commands read from: the store, or a recording's file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from proxy.cli._common import Cli
from proxy.cli._patience import patiently
from proxy.cli._print import note
from proxy.core.model import Event, Exchange, Outcome, Run, Snapshot
from proxy.errors import ConfigError, RecordingNotFound
from proxy.stores._api import Store

_SQLITE = "sqlite:///"


@dataclass(slots=True, frozen=True)
class Source:
    """One run, wherever it is kept. `exchange` takes an exchange's id."""

    run: Run
    events: list[Event]
    outcomes: list[Outcome]
    exchange: Callable[[str], Exchange]
    snapshot: Callable[[], Snapshot]

    def call(self, seq: int) -> Exchange:
        """The exchange of call number `seq`; RecordingNotFound says which there are."""
        ids = {event.data.get("seq"): event.data.get("exchangeId") for event in self.events}
        found = ids.get(seq)
        if not isinstance(found, str):
            numbers = sorted(number for number in ids if isinstance(number, int))
            has = f"it has 1 to {numbers[-1]}" if numbers else "it has no calls"
            raise RecordingNotFound(f"run {self.run.id} has no call {seq}", hint=has)
        return self.exchange(found)


def shown(url: str) -> str:
    """A store's URL for people: a path for a file, and never a password."""
    if url.startswith(_SQLITE):
        return url.removeprefix(_SQLITE).partition("?")[0]
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{host}"))


def is_missing(url: str) -> bool:
    """Whether the store is a file that nobody has made yet."""
    return url.startswith(_SQLITE) and not Path(shown(url)).exists()


def nothing_yet(url: str) -> RecordingNotFound:
    """What is said when there is no store."""
    return RecordingNotFound(
        f"no recordings yet at {shown(url)}", hint="record with `dashcam run -- CMD`"
    )


@contextmanager
def reading(cli: Cli) -> Iterator[Store]:
    """The store, which must be there: reading never makes one."""
    settings = cli.settings()
    url = settings.store
    if is_missing(url):
        raise nothing_yet(url)
    from proxy.stores import open_store

    store = patiently(lambda: open_store(url, create=False, vault=settings.vault))
    try:
        yield store
    finally:
        store.close()


@contextmanager
def writing(cli: Cli) -> Iterator[Store]:
    """The store, made if it is not there."""
    from proxy.stores import open_store

    settings = cli.settings()
    vault, seal = settings.vault, settings.vault_bodies
    store = patiently(lambda: open_store(settings.store, vault=vault, seal=seal))
    try:
        yield store
    finally:
        store.close()


def is_file(ref: str) -> bool:
    """Whether RUN names a recording's file."""
    return ref != "last" and (ref.endswith(".jsonl") or Path(ref).is_file())


@contextmanager
def source(cli: Cli, ref: str) -> Iterator[Source]:
    """The run that RUN names: an id, a unique prefix, `last`, or a recording's file."""
    if is_file(ref):
        yield of_snapshot(load_one(Path(ref)))
        return
    with reading(cli) as store:
        run = store.find_run(ref)
        events = store.events(run.id)
        if any(event.data.get("sealed") is True for event in events):
            note("what was said is sealed, and not shown: --vault KEY (DASHCAM_VAULT) opens it")
        yield Source(
            run,
            events,
            store.outcomes(run.id),
            store.exchange,
            lambda: store.snapshot(run.id),
        )


def load_one(path: Path) -> Snapshot:
    """The one run of a recording's file."""
    from proxy.importers import load

    found = load(path)
    if len(found) != 1:
        raise ConfigError(
            f"{path} holds {len(found)} runs, and one is needed here",
            hint="import it, then name a run by its id",
        )
    return found[0]


def of_snapshot(snapshot: Snapshot) -> Source:
    """A run that is in memory already."""
    exchanges = {exchange.id: exchange for exchange in snapshot.exchanges}
    return Source(
        snapshot.run,
        snapshot.events,
        snapshot.outcomes,
        exchanges.__getitem__,
        lambda: snapshot,
    )
