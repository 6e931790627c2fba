import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import override

import pytest

from tests.cli.conftest import Dashcam, Fill
from tests.cli.samples import support_run


@pytest.fixture(autouse=True)
def free_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHCAM_LISTEN", "127.0.0.1:0")
    monkeypatch.setenv("DASHCAM_API", "127.0.0.1:0")
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def states(dashcam: Dashcam) -> dict[str, tuple[str, str]]:
    found = json.loads(dashcam("doctor", "--json").out)
    return {row["check"]: (row["state"], row["what"]) for row in found}


def test_a_fresh_folder_is_fine(dashcam: Dashcam, folder: Path) -> None:
    done = dashcam("doctor")
    assert done.code == 0
    found = states(dashcam)
    assert {state for state, _ in found.values()} <= {"ok", "warning"}
    assert found["store"] == ("ok", "will be made at recordings/dashcam.db")
    assert found["ca"] == ("ok", f"will be made in {folder / 'home' / 'ca'}")
    assert [line.split()[0] for line in done.out.splitlines()][:3] == [
        "python",
        "settings",
        "store",
    ]
    assert list(folder.iterdir()) == []


def test_a_store_that_is_there_is_opened(dashcam: Dashcam, fill: Fill, folder: Path) -> None:
    fill(support_run())
    assert states(dashcam)["store"] == ("ok", "opens: recordings/dashcam.db")
    (folder / "recordings" / "dashcam.db").write_bytes(b"this is no database" * 100)
    done = dashcam("doctor")
    assert done.code == 1
    assert "store        failed" in done.out


def test_settings_that_cannot_be_used(dashcam: Dashcam, folder: Path) -> None:
    (folder / "dashcam.toml").write_text("workers = 0\n")
    assert dashcam("doctor").code == 1
    assert states(dashcam)["settings"] == ("failed", "dashcam.toml: workers cannot be 0")


def test_a_ca_that_others_can_read(dashcam: Dashcam, folder: Path) -> None:
    from proxy.launch.authority import load_or_create

    made = load_or_create(folder / "home" / "ca")
    assert states(dashcam)["ca"][0] == "ok"
    made.pem_path.chmod(0o644)
    state, what = states(dashcam)["ca"]
    assert (state, "is open to others" in what) == ("failed", True)


def test_a_port_that_somebody_has(dashcam: Dashcam, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("DASHCAM_LISTEN", f"127.0.0.1:{taken.getsockname()[1]}")
        state, what = states(dashcam)["listen"]
        assert dashcam("doctor").code == 0
    assert (state, "Address already in use" in what) == ("warning", True)


class Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"stored": 1}')

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_port_that_a_dashcam_has(dashcam: Dashcam, monkeypatch: pytest.MonkeyPatch) -> None:
    with HTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("DASHCAM_API", f"127.0.0.1:{server.server_port}")
        state, what = states(dashcam)["api"]
        server.shutdown()
        thread.join()
    assert (state, "a Dashcam answers" in what) == ("ok", True)


def test_what_stands_in_the_environment(dashcam: Dashcam, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.corp:3128")
    monkeypatch.setenv("no_proxy", "*")
    out = dashcam("doctor").out
    assert "HTTPS_PROXY is set already" in out
    assert "NO_PROXY covers every host" in out
