import socket
from collections.abc import Iterator

import dashcam
import pytest
from dashcam import contexts, reports
from dashcam.sender import Sender

from tests.sdk.echo_server import EchoServer, running

VARIABLES = ("DASHCAM_RUN", "DASHCAM_API", "DASHCAM_TOKEN")


@pytest.fixture(autouse=True)
def outside_of_a_run(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test starts as a process of its own would, and ends with nothing left to send."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DASHCAM_HOME", "/nonexistent")  # where no token is
    monkeypatch.setattr(contexts._Adoption, "done", False)
    monkeypatch.setattr(reports, "_sender", Sender())
    yield
    dashcam.configure()
    dashcam.flush()


@pytest.fixture
def server() -> Iterator[EchoServer]:
    with running() as started:
        yield started


@pytest.fixture
def api(server: EchoServer, monkeypatch: pytest.MonkeyPatch) -> EchoServer:
    """The server as Dashcam's API, told by the environment."""
    monkeypatch.setenv("DASHCAM_API", server.url + "/")
    return server


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
