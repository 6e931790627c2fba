"""The contract of a store. One conformance suite, tests/conformance/test_stores*.py, runs over all.

Writes come from one writer thread, in batches, each one transaction: when `write` returns, the
batch is durable (mode `durable`) or at least visible (mode `fast`). What arrives here is already
redacted. Reads may come from any thread and from other processes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from proxy.core.chain import Checkpoint, Head
from proxy.core.model import Event, Exchange, Outcome, Run
from proxy.core.model import RunRow as RunRow  # noqa: PLC0414 - re-exported: part of this contract
from proxy.core.model import Snapshot as Snapshot  # noqa: PLC0414 - re-exported: part of this contract


@dataclass(slots=True, frozen=True)
class OpenRun:
    """A run begins, or is seen again: label and metadata are merged into what is there."""

    run: Run


@dataclass(slots=True, frozen=True)
class AddExchange:
    """A finished exchange and its event; the store makes missing group events (by `own.group`)."""

    exchange: Exchange
    event: Event


@dataclass(slots=True, frozen=True)
class AddEvent:
    """An event that did not go over HTTP, or that was found by looking at the exchanges."""

    event: Event


@dataclass(slots=True, frozen=True)
class AddOutcome:
    """A verdict. Append-only: the newest counts, but a caller's outranks the rules' for ever."""

    outcome: Outcome


@dataclass(slots=True, frozen=True)
class CloseRun:
    """A run ends; a later exchange of the same run id opens it again."""

    run_id: str
    ended_at: float


@dataclass(slots=True, frozen=True)
class Gap:
    """Calls that were answered and could not be stored: from when to when, how many, why."""

    since: float
    until: float
    calls: int
    reason: str


@dataclass(slots=True, frozen=True)
class AddGap:
    """A gap, told once the store can be written to again."""

    gap: Gap


type Write = OpenRun | AddExchange | AddEvent | AddOutcome | CloseRun | AddGap


@dataclass(slots=True, frozen=True)
class RunQuery:
    """Filters for `Store.runs`; times are Unix seconds, `text` is searched in ids, labels, URLs.

    `search` is searched in prompts and answers: all words, `"a phrase"`, `begin*`.
    """

    label: str | None = None
    outcome: str | None = None  # Completed | Failed | open | a failure mode
    since: float | None = None
    until: float | None = None
    text: str | None = None
    search: str | None = None
    limit: int = 50


class Problem(NamedTuple):
    """What `verify` found: where, and one sentence."""

    where: str
    what: str


class Purge(NamedTuple):
    """What stays of a run that was deleted: its number in the store, when, and why.

    `entries` is how many entries of the chain were its.
    """

    run: int
    at: float
    entries: int
    reason: str


class Sealed(NamedTuple):
    """How many runs have sealed bodies, and how many of them the given key does not open."""

    runs: int = 0
    locked: int = 0


class Size(NamedTuple):
    """What a store takes, in bytes: its file, its log beside it, and what of the file is free."""

    file: int
    log: int
    free: int


class Store(Protocol):
    """Where runs are kept."""

    url: str

    def write(self, batch: Sequence[Write]) -> None:
        """One transaction, whole or not at all.

        Raises StoreUnavailable when it could not be made; nothing of the batch is kept then.
        """

    def secret(self) -> bytes:
        """32 random bytes made with the store: the key of its pseudonyms."""

    def find_run(self, ref: str) -> Run:
        """By id, unique prefix, or `last` (newest start); RecordingNotFound names the choices."""

    def runs(self, query: RunQuery) -> list[RunRow]:
        """Newest first."""

    def events(self, run_id: str) -> list[Event]:
        """The timeline, by start."""

    def exchange(self, exchange_id: str) -> Exchange:
        """One exchange with its bodies, byte for byte."""

    def exchanges(self, run_id: str) -> Iterator[Exchange]:
        """All exchanges of a run by `seq`, one in memory at a time."""

    def outcomes(self, run_id: str) -> list[Outcome]:
        """Every verdict, oldest first; `current_outcome` of core.outcomes says which counts."""

    def snapshot(self, run_id: str) -> Snapshot:
        """The whole run."""

    def last_seq(self, run_id: str) -> int:
        """The highest `seq` stored for the run, 0 when none."""

    def changes(self, after: int) -> tuple[int, list[Event]]:
        """The next events with an id above `after` (at most 1,000), and the new high-water mark.

        Below zero: no events, and the mark of what is there now.
        """

    def delete_run(self, run_id: str, *, reason: str = "deleted") -> None:
        """Removes the run and every byte only it used; `purges` says from then on that it was."""

    def gc(
        self,
        *,
        before: float | None = None,
        label: str | None = None,
        max_bytes: int | None = None,
        reason: str = "retention",
    ) -> list[str]:
        """Deletes runs, those first that were last active longest ago, and gives the space back.

        Only those last active before a time; only those with a label; only until no more than
        `max_bytes` are used. The ids of the runs that went.
        """

    def checkpoint(self) -> None:
        """Tidies up while nothing is to be written; the writer calls it when idle."""

    def backup(self, path: Path) -> None:
        """A copy that opens as a store, made while others write; `path` must be free."""

    def size(self) -> Size:
        """What the store takes."""

    def sealed(self) -> Sealed:
        """How many runs have sealed bodies, which are not searched, nor opened without the key."""

    def gaps(self) -> list[Gap]:
        """What could not be stored, oldest first."""

    def purges(self) -> list[Purge]:
        """The runs that were deleted, in the order in which they had begun to be stored."""

    def head(self) -> Head:
        """Where the chain over all records ends; StoreError where a store keeps none."""

    def verify(self, checkpoints: Sequence[Checkpoint] = ()) -> list[Problem]:
        """Integrity of the file, every hash, the event tree, the chain; empty when all is well.

        With checkpoints, whether what was stored by then is all there and unchanged. Their
        signatures are not looked at here.
        """

    def close(self) -> None:
        """Checkpoints and lets go."""
