"""A server that answers with the request's headers, and keeps what is posted to the API's paths."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, override


class Posted(NamedTuple):
    path: str
    body: Any
    authorization: str | None
    own_headers: list[str]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "EchoServer"

    def do_GET(self) -> None:
        self.answer({name: value for name, value in self.headers.items() if is_own(name)})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if not self.path.startswith("/api/"):
            self.do_GET()
            return
        own = [name for name in self.headers if is_own(name)]
        authorization = self.headers.get("Authorization")
        self.server.posted.append(Posted(self.path, json.loads(body), authorization, own))
        self.server.arrived.set()
        self.server.may_answer.wait(30)
        self.answer({}, self.server.status)
        if self.server.hang_up:
            self.close_connection = True

    def answer(self, body: dict[str, str], status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    @override
    def log_message(self, *args: object) -> None:
        """Keep quiet."""


class EchoServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.posted: list[Posted] = []
        self.status = 200
        self.hang_up = False
        self.arrived = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


def is_own(name: str) -> bool:
    return name.lower().startswith("dashcam-")


@contextmanager
def running() -> Iterator[EchoServer]:
    server = EchoServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.may_answer.set()
        server.shutdown()
        thread.join(30)
        server.server_close()
