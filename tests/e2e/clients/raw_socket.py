"""A client that sees every byte: CONNECT, TLS and HTTP/1.1 by hand, framing included."""

import os
import socket
import ssl
from base64 import b64encode
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.clients.targets import BROKEN, STREAMS, WHOLE
from tests.e2e.clients.transcript import case, digest

HOST = "upstream.test"


def exchange(target: str) -> Any:
    """All bytes that come back on a connection of its own."""
    proxy = urlsplit(os.environ["HTTPS_PROXY"])
    user = b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
    with socket.create_connection((proxy.hostname, proxy.port), timeout=60) as raw:
        raw.sendall(
            f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n"
            f"Proxy-Authorization: Basic {user}\r\n\r\n".encode()
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += raw.recv(1)
        context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
        context.set_alpn_protocols(["http/1.1"])
        with context.wrap_socket(raw, server_hostname=HOST) as secure:
            secure.sendall(
                f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
            )
            whole = b""
            try:
                while data := secure.recv(65536):
                    whole += data
                end = "closed"
            except (ConnectionResetError, ssl.SSLEOFError):
                end = "cut"
    return [answer.split(b"\r\n")[0].decode(), end, digest(whole)]


if __name__ == "__main__":
    for each in (*WHOLE, *STREAMS, *BROKEN):
        case(each, exchange, each)
