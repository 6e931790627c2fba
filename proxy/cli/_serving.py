"""Opens the ways in: the runtime, the forward proxy, the gateway and the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy import runtime as composition
from proxy.config import HostPort, Settings
from proxy.launch.authority import Authority, load_or_create
from proxy.runtime import Runtime
from proxy.servers.api import Api
from proxy.servers.app import Site
from proxy.servers.gateway import Gateway

if TYPE_CHECKING:
    from addons.interceptor import Interceptor

ANY_PORT = HostPort("127.0.0.1", 0)


@dataclass(slots=True)
class RunPorts:
    """A listener port for each run that was asked for."""

    interceptor: "Interceptor"
    host: str
    _ports: dict[str, int] = field(default_factory=dict)

    async def open(self, run_id: str) -> int:
        """The run's own port."""
        if run_id not in self._ports:
            self._ports[run_id] = await self.interceptor.listen(self.host, 0, run=run_id)
        return self._ports[run_id]

    def close(self, run_id: str) -> None:
        """Closes it; connections that are open go on."""
        port = self._ports.pop(run_id, None)
        if port is not None:
            self.interceptor.forget(port)


@dataclass(slots=True, frozen=True)
class Serving:
    """What is open."""

    runtime: Runtime
    interceptor: "Interceptor"
    ports: RunPorts
    api: Api
    api_port: int
    authority: Authority


@asynccontextmanager
async def serving(
    settings: Settings, *, api: HostPort, token: str | None, host: str = "127.0.0.1"
) -> AsyncIterator[Serving]:
    """Everything but the forward proxy's own port, which is for the caller to open."""
    from addons.interceptor import Interceptor
    from addons.limits import ClientLimits

    authority = load_or_create(settings.ca_dir)
    runtime = await composition.start(settings)
    try:
        interceptor = Interceptor(
            runtime.engine,
            authority=authority.pem_path,
            upstream_ca=settings.upstream_ca,
            ignored=composition.ignored(settings),
            limits=ClientLimits(settings.header_timeout, settings.max_header_bytes),
        )
        ports = RunPorts(interceptor, host)
        handlers = Api(
            runtime.engine, runtime.store, listeners=ports, ca=authority.cert_pem.decode()
        )
        site = Site(handlers, Gateway(runtime.engine), token)
        listening = await site.open(api.host, api.port)
        runtime.engine.router.own_ports.add(listening.port)
        try:
            yield Serving(runtime, interceptor, ports, handlers, listening.port, authority)
        finally:
            await interceptor.stop()
            await listening.stop()
    finally:
        await runtime.stop()
