"""Opens the ways in: the runtime, the forward proxy, the gateway and the API.

Their ports are open at once. mitmproxy and aiohttp, which take longest to load, are loaded when
somebody comes who needs them: a command that calls nobody needs neither, the gateway neither.
"""

import asyncio
import datetime as dt
import importlib
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from proxy import runtime as composition
from proxy.cli._checkpoints import Keeper
from proxy.cli._doors import Doors
from proxy.config import HostPort, Settings
from proxy.engine import loaded
from proxy.engine.engine import Engine
from proxy.engine.loading import Loading
from proxy.engine.ports import port_of
from proxy.engine.reach import Reach
from proxy.engine.router import hosts_of
from proxy.launch import faketime
from proxy.launch.api_token import is_loopback
from proxy.launch.authority import Authority, load_or_create
from proxy.runtime import Runtime

if TYPE_CHECKING:
    from addons.interceptor import Interceptor
    from proxy.servers.early import Early
    from proxy.servers.gateway import Gateway
    from proxy.servers.loaded_api import LoadedApi

_log = logging.getLogger(__name__)
ANY_PORT = HostPort("127.0.0.1", 0)
SWITCH = 0.0005  # seconds for which the writer's thread may keep traffic from the interpreter
_FIRST = 0.1  # seconds that the first clients of the gateway have for themselves
_LONG_AGO = dt.datetime(2015, 1, 1, tzinfo=dt.UTC)  # before anything was recorded


class ForwardProxy:
    """Its ports, of which one may belong to one run. `token` is what clients must send, if any."""

    def __init__(
        self, settings: Settings, engine: Engine, authority: Authority, token: str | None
    ) -> None:
        self._settings = settings
        self._token = token
        self._engine = engine
        self._authority = authority
        self._runs: dict[int, str] = {}
        self._doors = Doors(self._make, self._serve)
        self.load = self._doors.load

    def listen(self, host: str, port: int, *, run: str | None = None, shared: bool = False) -> int:
        """Opens a port, of `run` if given; port 0 takes a free one. Raises ListenError."""
        opened = self._doors.open(host, port, shared=shared)
        self._engine.router.own_ports.add(opened)
        if run is not None:
            self._runs[opened] = run
        return opened

    def forget(self, port: int) -> None:
        """Closes a port; connections that are open go on."""
        if not self._doors.close(port) and self._doors.made is not None:
            self._doors.made.forget(port)
        self._engine.router.own_ports.discard(port)

    async def drain(self) -> None:
        """Closes every port, and every connection once it has nothing under way."""
        interceptor = await self._doors.stop()
        if interceptor is not None:
            await interceptor.drain()

    async def stop(self) -> None:
        """Closes every port and every connection."""
        interceptor = await self._doors.stop()
        if interceptor is not None:
            await interceptor.stop()

    async def _make(self) -> "Interceptor":
        await asyncio.to_thread(importlib.import_module, "addons.interceptor")
        from addons.interceptor import Interceptor
        from addons.limits import ClientLimits

        settings = self._settings
        return Interceptor(
            self._engine,
            authority=self._authority.pem_path,
            upstream_ca=settings.upstream_ca,
            ignored=composition.ignored(settings),
            limits=ClientLimits(
                settings.header_timeout, settings.max_header_bytes, token=self._token
            ),
        )

    async def _serve(self, interceptor: "Interceptor", sockets: Sequence[socket.socket]) -> None:
        await interceptor.serve(sockets, run=self._runs.pop(port_of(sockets), None))


class Front:
    """The port of the gateway and the API. `reports` gives the running replays' reports."""

    def __init__(
        self, runtime: Runtime, ports: "RunPorts", authority: Authority, token: str
    ) -> None:
        self.reports: Callable[[], list[dict[str, Any]]] = list
        self._runtime = runtime
        self._ports = ports
        self._ca = authority.cert_pem.decode()
        self._token = token
        self._wide = False
        self._doors = Doors(self._make, self._serve)
        self.load = self._doors.load

    def open(self, host: str, port: int, *, shared: bool = False) -> int:
        """Opens its port; port 0 takes a free one. Raises ListenError."""
        self._wide = not is_loopback(host)
        return self._doors.open(host, port, shared=shared)

    async def drain(self) -> None:
        """Stops listening; returns once the gateway's clients have their answers."""
        early = await self._doors.stop()
        if early is not None:
            await early.drain()

    async def stop(self) -> None:
        """Stops listening, and ends open requests."""
        early = await self._doors.stop()
        if early is not None:
            await early.stop()

    @property
    def waited_for(self) -> bool:
        """Whether somebody has come."""
        return self._doors.waited_for

    async def load_api(self) -> None:
        """Loads the API, too, before anybody has to wait for it."""
        early = await self.load()
        await early.load()

    async def _make(self) -> "Early":
        await asyncio.to_thread(importlib.import_module, "proxy.servers.early")
        from proxy.servers.early import Early
        from proxy.servers.gateway import Gateway

        gateway = Gateway(self._runtime.engine)
        early = Early(gateway, partial(self._api, gateway))
        if self._wide:
            await early.load()  # it knows who may use the gateway
        return early

    async def _api(self, gateway: "Gateway") -> "LoadedApi":
        await asyncio.to_thread(importlib.import_module, "proxy.servers.app")
        from proxy.servers.api import Api
        from proxy.servers.app import Site

        engine, store = self._runtime.engine, self._runtime.store
        api = Api(engine, store, listeners=self._ports, reports=self._reports, ca=self._ca)
        return await Site(api, gateway, self._token, wide=self._wide).load()

    def _reports(self) -> list[dict[str, Any]]:
        return self.reports()  # which may be set later

    async def _serve(self, early: "Early", sockets: Sequence[socket.socket]) -> None:
        await early.serve(sockets)


@dataclass(slots=True)
class RunPorts:
    """A port of the forward proxy for each run that was asked for."""

    forward: ForwardProxy
    host: str
    _ports: dict[str, int] = field(default_factory=dict)

    async def open(self, run_id: str) -> int:
        """The run's own port."""
        if run_id not in self._ports:
            self._ports[run_id] = self.forward.listen(self.host, 0, run=run_id)
        return self._ports[run_id]

    def close(self, run_id: str) -> None:
        """Closes it; connections that are open go on."""
        port = self._ports.pop(run_id, None)
        if port is not None:
            self.forward.forget(port)


@dataclass(slots=True, frozen=True)
class Serving:
    """What is open."""

    runtime: Runtime
    forward: ForwardProxy
    ports: RunPorts
    front: Front
    api_port: int
    authority: Authority

    async def load(self) -> None:
        """Loads what serves the ports, before anybody has to wait for it."""
        waited_for = self.front.waited_for
        await self.front.load()
        if waited_for:  # the rest would only take the time from who gets an answer now
            await asyncio.sleep(_FIRST)
        await self.forward.load()
        await self.front.load_api()
        loaded.stays()

    async def drain(self, now: asyncio.Event) -> None:
        """Lets calls that are under way come to their end, for some seconds, or until `now`."""
        limit = self.runtime.settings.drain_timeout
        hurry: asyncio.Future[Any] = asyncio.ensure_future(now.wait())
        ends: asyncio.Future[Any] = asyncio.gather(self.forward.drain(), self.front.drain())
        await asyncio.wait([ends, hurry], timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        for each in (ends, hurry):
            each.cancel()
        await asyncio.wait([ends, hurry])
        if not ends.cancelled() and (error := ends.exception()) is not None:
            _log.error("calls were not waited for", exc_info=error)


def _then(settings: Settings) -> Authority:
    """The CA of a replay: where any child's clock is held, one that was valid then already."""
    if settings.clock != "recorded" or faketime.library(os.environ.get("PATH")) is None:
        return load_or_create(settings.ca_dir)
    return load_or_create(settings.ca_dir / "then", since=_LONG_AGO)


@asynccontextmanager
async def serving(
    settings: Settings,
    *,
    api: HostPort,
    token: str,
    host: str = "127.0.0.1",
    loading: Loading | None = None,
) -> AsyncIterator[Serving]:
    """Everything but the forward proxy's own port, which is for the caller to open.

    `loading` answers until the caller has set a replayer: the API's port is open before.
    """
    sys.setswitchinterval(SWITCH)
    authority = load_or_create(settings.ca_dir) if loading is None else _then(settings)
    runtime = await composition.start(settings)
    runtime.engine.replays = loading
    keeper = Keeper(settings)
    keeper.start(runtime.store)
    try:
        wide = not (is_loopback(host) and is_loopback(api.host))
        if wide:
            reach = Reach.of(settings.allow, hosts_of(settings.upstream))
            reach.guard(asyncio.get_running_loop())
            runtime.engine.router.reach = reach
        forward = ForwardProxy(
            settings, runtime.engine, authority, None if is_loopback(host) else token
        )
        ports = RunPorts(forward, host)
        front = Front(runtime, ports, authority, token)
        api_port = front.open(api.host, api.port, shared=settings.workers > 1)
        runtime.engine.router.own_ports.add(api_port)
        try:
            yield Serving(runtime, forward, ports, front, api_port, authority)
        finally:
            runtime.engine.interrupt()
            await forward.stop()
            await front.stop()
    finally:
        keeper.stop()
        await runtime.stop()
        await asyncio.to_thread(keeper.last)
