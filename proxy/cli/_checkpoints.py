"""Signed checkpoints: made, written elsewhere, and kept coming while something is recorded."""

import asyncio
import logging
import os
import socket
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from proxy.config import Settings
from proxy.core import chain
from proxy.core.chain import Checkpoint
from proxy.engine.tasks import spawn
from proxy.errors import DashcamError
from proxy.stores import private_files
from proxy.stores._api import Store

STDOUT, SYSLOG = "-", "syslog"
PLACES = ("/dev/log", "/var/run/syslog", "/var/run/log")  # Linux, macOS, the BSDs
_PRIORITY = 10 * 8 + 5  # security messages, notice: RFC 5424, section 6.2.1
_log = logging.getLogger(__name__)


def checkpoint_of(store: Store) -> Checkpoint:
    """What the store holds now, not signed yet."""
    head = store.head()
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Checkpoint(chain.store_id(store.secret()), head.size, head.link.hex(), now)


def put(said: Checkpoint, to: str) -> None:
    """Writes one: a file is added to. Raises OSError, DashcamError."""
    if to == STDOUT:
        print(said.line())
        sys.stdout.flush()
    elif to == SYSLOG:
        _send(said.line())
    else:
        path = Path(to)
        private_files.make_folder(path.parent)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(said.line() + "\n")
            file.flush()
            os.fsync(file.fileno())


def _send(line: str) -> None:
    """To this machine's syslog; the module `syslog` would not say that there is none."""
    for path in PLACES:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            try:
                log.sendto(f"<{_PRIORITY}>dashcam[{os.getpid()}]: {line}".encode(), path)
            except OSError:
                continue
            return
    raise DashcamError("there is no syslog here", hint="write to a file: --to FILE")


@dataclass(slots=True)
class Keeper:
    """Writes them where the setting `checkpoints` says: every so often, and when all is stored.

    One is written only when something was stored since the one before. What goes wrong is logged,
    and tried again at the next time: it must not harm the recording.
    """

    settings: Settings
    _size: int = -1  # of the one before
    _task: asyncio.Task[None] | None = field(default=None)

    def start(self, store: Store) -> None:
        """From now on."""
        if self.settings.checkpoints is not None:
            self._task = spawn(self._go_on(store), "checkpoints")

    def stop(self) -> None:
        """No more of them but `last`."""
        if self._task is not None:
            self._task.cancel()

    def last(self) -> None:
        """Of the store that was closed, with all that was written to the end."""
        from proxy.stores import open_store

        if self._task is None:
            return
        try:
            store = open_store(self.settings.store, create=False)
        except DashcamError as error:
            _log.warning("no checkpoint was written: %s", error.message)
            return
        try:
            self._write(store)
        finally:
            store.close()

    async def _go_on(self, store: Store) -> None:
        while True:
            await asyncio.sleep(self.settings.checkpoint_every)
            await asyncio.to_thread(self._write, store)

    def _write(self, store: Store) -> None:
        from proxy.stores import signing

        to = self.settings.checkpoints
        assert to is not None  # noqa: S101 - or nothing was started
        try:
            said = checkpoint_of(store)
            if said.size != self._size:
                put(signing.sign(said, signing.load_or_make(self.settings.home)), to)
                self._size = said.size
        except (OSError, DashcamError) as error:
            _log.warning("no checkpoint was written to %s: %s", to, error)
