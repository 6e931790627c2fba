import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from proxy.launch.authority import Authority, load_or_create
from proxy.launch.environment import child_environment
from proxy.launch.kit import Kit, write_kit
from tests.launch.connect_proxy import ConnectProxy

RUN = "run-1f2e"
# What a machine may have set, and what must not leak into the tests.
INHERITED = ("PATH", "HOME", "TMPDIR", "LANG", "VIRTUAL_ENV", "JAVA_HOME", "LD_LIBRARY_PATH")

type Launch = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return load_or_create(tmp_path_factory.mktemp("ca") / "ca")


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Kit:
    return write_kit(tmp_path_factory.mktemp("kit") / "kit", authority.cert_pem, os.environ)


@pytest.fixture
def connect_proxy(authority: Authority, tmp_path: Path) -> Iterator[ConnectProxy]:
    with ConnectProxy(authority, tmp_path) as running:
        yield running


@pytest.fixture
def kit_copy(tmp_path: Path, authority: Authority) -> Path:
    """The Python folder of another kit, as an outer run's child has it."""
    return write_kit(tmp_path / "outer", authority.cert_pem, {}, java=False).python


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.fixture
def launch(connect_proxy: ConnectProxy, kit: Kit, tmp_path: Path) -> Launch:
    """Run a command as a recorded child; its own `HOME` keeps the user's settings out."""

    def run(
        argv: Sequence[str], *, api: str | None = None, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        base = {name: os.environ[name] for name in INHERITED if name in os.environ}
        base |= {"HOME": str(tmp_path), "DASHCAM_DEBUG": "1"} | extra
        env = child_environment(
            base, proxy=connect_proxy.url(RUN), run_id=RUN, api=api, token=None, kit=kit
        )
        return subprocess.run(
            argv, env=env, capture_output=True, text=True, timeout=240, check=False
        )

    return run
