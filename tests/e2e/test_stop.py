"""SIGTERM: calls that are under way come to their end and are stored; nothing hangs."""

import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from proxy.stores import open_store
from tests.upstream.dashcam import TIMEOUT, Dashcam, Service
from tests.upstream.load import PATIENCE, Client, Load, Origin, Way, ways

STREAMS = 12


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as running:
        yield running


@pytest.fixture
def dashcam(tmp_path: Path, home: Path, origin: Origin) -> Dashcam:
    return Dashcam(tmp_path, home, {"DASHCAM_UPSTREAM": origin.upstreams})


@dataclass(slots=True)
class Held:
    """Streams that are open, whose end the upstream holds back; `whole` are those that got it."""

    whole: list[int] = field(default_factory=list)
    _clients: list[threading.Thread] = field(default_factory=list)

    def open(self, count: int, all_ways: list[Way], origin: Origin) -> None:
        for number in range(count):
            way = all_ways[number % len(all_ways)]
            client = threading.Thread(target=self._ask, args=[way, number])
            client.start()
            self._clients.append(client)
        origin.wait_for(count)

    def _ask(self, way: Way, number: int) -> None:
        with suppress(OSError), Client(way) as client:
            status, size = client.ask(f"/held?number={number}")
            if (status, size) == (200, 22):
                self.whole.append(number)

    def join(self) -> None:
        for client in self._clients:
            client.join(PATIENCE)
            assert not client.is_alive()


def trust_of(dashcam: Dashcam) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=dashcam("ca", "path").out.strip())


def ends(dashcam: Dashcam, run: str) -> list[str]:
    """How the calls of a run ended, as they are stored."""
    with closing(open_store(f"sqlite:///{dashcam.folder / 'recordings' / 'dashcam.db'}")) as store:
        return [event.data["end"] for event in store.events(run) if "end" in event.data]


def until_refused(port: int) -> None:
    """Waits until nobody listens there any more."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
        except OSError:
            return


def ended(service: Service, seconds: float) -> bool:
    try:
        service.process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_under_way_comes_to_its_end(dashcam: Dashcam, origin: Origin, workers: int) -> None:
    held = Held()
    service = dashcam.up("--workers", str(workers), DASHCAM_DRAIN_TIMEOUT="100")
    with service, ExitStack() as stack:
        every = ways(service.port, service.api_port, "drained", trust_of(dashcam))
        idle = [stack.enter_context(Client(way)) for way in every[2:]]
        for number, client in enumerate(idle):
            assert client.ask(f"/small?idle={number}") == (200, 300)
        held.open(STREAMS, every, origin)
        service.process.send_signal(signal.SIGTERM)
        until_refused(service.port)
        until_refused(service.api_port)
        assert held.whole == []
        origin.release()
        held.join()
        assert service.process.wait(TIMEOUT) == 0
    assert sorted(held.whole) == list(range(STREAMS))
    assert ends(dashcam, "drained") == ["complete"] * (STREAMS + len(idle))
    dashcam("verify")


@pytest.mark.parametrize("workers", [1, 2])
def test_told_once_more_it_cuts_off(dashcam: Dashcam, origin: Origin, workers: int) -> None:
    held = Held()
    with dashcam.up("--workers", str(workers), DASHCAM_DRAIN_TIMEOUT="100") as service:
        every = ways(service.port, service.api_port, "cut", trust_of(dashcam))
        held.open(6, every, origin)
        while not ended(service, 0.7):
            service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(TIMEOUT) == 0
    held.join()
    assert held.whole == []
    assert ends(dashcam, "cut") == ["interrupted"] * 6
    dashcam("verify")


def test_the_time_for_it_is_limited(dashcam: Dashcam, origin: Origin) -> None:
    held = Held()
    with dashcam.up(DASHCAM_DRAIN_TIMEOUT="0.3") as service:
        every = ways(service.port, service.api_port, "late", trust_of(dashcam))
        held.open(6, every, origin)
        assert service.stop() == 0
    held.join()
    assert held.whole == []
    assert ends(dashcam, "late") == ["interrupted"] * 6


def test_all_that_is_answered_under_load_is_stored(dashcam: Dashcam, origin: Origin) -> None:
    with dashcam.up() as service:
        every = ways(service.port, service.api_port, "busy", trust_of(dashcam))
        load = Load(every, "busy", 40, lambda: service.process.send_signal(signal.SIGTERM))
        load.run()
        assert service.process.wait(TIMEOUT) == 0
    with closing(open_store(f"sqlite:///{dashcam.folder / 'recordings' / 'dashcam.db'}")) as store:
        stored = {
            event.data["url"].partition("?")[2]
            for event in store.events("busy")
            if event.data.get("end") == "complete"
        }
    assert stored >= load.completed.keys()
    assert stored == set(origin.seen)  # nothing was cut off on its way
