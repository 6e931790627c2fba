"""Where a stdio server's exchanges go: to the Dashcam that is running, else into the store."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from proxy import runtime as composition
from proxy.config import Settings
from proxy.core import records
from proxy.core.model import Exchange, Run
from proxy.engine.clock import wall
from proxy.errors import RecordingNotFound
from proxy.launch.api_client import ApiClient
from proxy.runtime import Runtime


@dataclass(slots=True)
class ToApi:
    """Into the run of a Dashcam that is running. `own`: the run is this server's, label given."""

    api: ApiClient
    run_id: str
    own: str | None

    async def open(self) -> None:
        """See `recording.Sink`."""
        if self.own is not None:
            body = {"id": self.run_id, "label": self.own}
            await asyncio.to_thread(self.api.post, "/runs", body)

    async def add(self, exchanges: Sequence[Exchange]) -> None:
        """See `recording.Sink`."""
        for exchange in exchanges:  # one a request: the API takes bodies of 16 MiB
            body = records.write(records.EXCHANGE, exchange)
            await asyncio.to_thread(self.api.post, "/exchanges", body)

    async def close(self) -> None:
        """See `recording.Sink`."""
        if self.own is not None:
            await asyncio.to_thread(self.api.post, f"/runs/{self.run_id}/close", {})


@dataclass(slots=True)
class ToStore:
    """Into the store, with an engine of our own. `own` as above."""

    settings: Settings
    run_id: str
    own: str | None
    _runtime: Runtime | None = None
    _ends: bool = True  # whether the run is ours to end

    async def open(self) -> None:
        """See `recording.Sink`."""
        self._runtime = runtime = await composition.start(self.settings)
        label = self.own or self.settings.label
        run = Run(self.run_id, label, self.run_id, wall())
        known = None
        if self.own is None:
            with suppress(RecordingNotFound):
                known = await asyncio.to_thread(runtime.store.find_run, self.run_id)
        if known is not None and known.id == self.run_id:
            runtime.engine.runs.open(known)
            self._ends = known.ended_at is not None  # a late call opens it again
        else:
            runtime.engine.open_run(run)

    async def add(self, exchanges: Sequence[Exchange]) -> None:
        """See `recording.Sink`."""
        assert self._runtime is not None  # noqa: S101 - opened before
        waiters = [self._runtime.engine.add(exchange) for exchange in exchanges]
        await asyncio.gather(*[waiter for waiter in waiters if waiter is not None])

    async def close(self) -> None:
        """See `recording.Sink`."""
        if self._runtime is None:
            return
        if not self._ends:  # whoever began it will
            self._runtime.engine.runs.close(self.run_id)
        await self._runtime.stop()
