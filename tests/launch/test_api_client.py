import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, override

import pytest

from proxy.errors import ConfigError, DashcamError
from proxy.launch.api_client import ApiClient


class Answers(BaseHTTPRequestHandler):
    """Says what it was asked; 404 for /missing."""

    def do_GET(self) -> None:
        data = json.dumps({"got": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        said: Any = {"path": self.path, "auth": self.headers["Authorization"], "got": body.decode()}
        missing = self.path.endswith("/missing")
        data = json.dumps({"error": {"message": "no such run"}} if missing else said).encode()
        self.send_response(404 if missing else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_posts_with_the_token_of_the_url(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # which it must not use
    client = ApiClient(f"http://dashcam:a%2Fb@127.0.0.1:{port}")
    assert client.token == "a/b"
    answer = client.post("/runs", {"id": "x"})
    assert answer == {
        "path": "/api/v1/runs",
        "auth": "Basic ZGFzaGNhbTphL2I=",
        "got": '{"id":"x"}',
    }


def test_gets(port: int) -> None:
    assert ApiClient(f"http://127.0.0.1:{port}").get("/status") == {"got": "/api/v1/status"}


def test_errors_are_told(port: int) -> None:
    with pytest.raises(DashcamError, match="no such run"):
        ApiClient(f"http://127.0.0.1:{port}").post("/missing", {})


def test_nobody_answers() -> None:
    with pytest.raises(DashcamError, match=r"no Dashcam answers at 127\.0\.0\.1:1"):
        ApiClient("http://127.0.0.1:1").post("/runs", {})


def test_somebody_who_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(DashcamError, match="timed out"):
            ApiClient(url, timeout=0.05).get("/status")


@pytest.mark.parametrize("url", ["https://h:1", "http://h", "h:1"])
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(ConfigError, match="DASHCAM_API"):
        ApiClient(url)
