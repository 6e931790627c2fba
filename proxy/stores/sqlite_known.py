"""What a writer knows from one transaction to the next."""

from dataclasses import dataclass, field

from proxy.core.chain import Head
from proxy.core.model import Run
from proxy.stores.blobs import BlobWriter
from proxy.stores.seals import RunSeal, Seals
from proxy.stores.shapes import Shapes


@dataclass(slots=True)
class RunState:
    """A run as this transaction knows it."""

    run: Run
    number: int
    calls: int = 0
    errors: int = 0
    last_seq: int = 0
    active_at: str = ""
    salt: bytes = b""
    seal: RunSeal | None = None
    mark: bytes = b""  # of its newest entry in the chain, as far as this process knows
    new: bool = False
    changed: bool = False


@dataclass(slots=True)
class Memory:
    """What a writer remembers from one transaction to the next: only shortcuts."""

    seals: Seals = field(default_factory=Seals)
    blobs: BlobWriter = field(default_factory=BlobWriter)
    shapes: Shapes = field(default_factory=Shapes)
    runs: dict[str, RunState] = field(default_factory=dict)
    groups: dict[tuple[str, str], int] = field(default_factory=dict)
    texts: set[tuple[str, str]] = field(default_factory=set)
    provisional: set[str] = field(default_factory=set)  # exchanges stored before their end
    version: int = -1  # of the file, as this connection sees it: changes when others write
    epoch: int = -1  # of the store: changes when anybody deletes
    event: int = 0  # the last number given out
    head: Head = field(default_factory=lambda: Head(0, b""))  # of the chain

    def forget(self) -> None:
        """After a rollback, and after a deletion by any process."""
        self.seals.forget()
        self.blobs.forget()
        self.shapes.forget()
        self.runs.clear()
        self.groups.clear()
        self.texts.clear()
        self.provisional.clear()
        self.version = self.epoch = -1
