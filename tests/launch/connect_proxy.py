"""A CONNECT proxy that ends TLS and answers everything itself: no name is ever looked up.

Hosts are made up (`*.test`), so a client that goes past the proxy fails. Runs on a loop in a thread
of its own, so that tests may call clients that block.
"""

import asyncio
import base64
import hashlib
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import h2.config
import h2.connection
import h2.events
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from mitmproxy.certs import DEFAULT_DHPARAM, CertStore

from proxy.launch.authority import Authority

WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


@dataclass(frozen=True)
class Seen:
    """One request: who asked (the proxy user), for what, and over what."""

    user: str | None
    target: str
    method: str
    path: str
    headers: Mapping[str, str]
    protocol: str = "http/1.1"
    tunnelled: bool = True


@dataclass
class Head:
    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)


class ConnectProxy:
    """Listens on 127.0.0.1; `seen` lists the requests in order, `tunnels` every CONNECT."""

    def __init__(self, authority: Authority, folder: Path) -> None:
        self.seen: list[Seen] = []
        self.tunnels: list[str] = []
        self.status = "200 OK"
        self.open = 0
        self.most_open = 0
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._folder = folder
        dhparams = folder / "dhparam.pem"
        dhparams.write_bytes(DEFAULT_DHPARAM)
        self._store = CertStore.from_files(authority.pem_path, dhparams)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        start = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def url(self, run: str) -> str:
        return f"http://{run}:x@127.0.0.1:{self.port}"

    def context(self, host: str) -> ssl.SSLContext:
        """A server context with a leaf for `host`, minted as mitmproxy does."""
        if host not in self._contexts:
            entry = self._store.get_cert(host, [x509.DNSName(host)])
            key = entry.privatekey.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            path = self._folder / f"{host}.pem"
            path.write_bytes(key + entry.cert.to_pem())
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(path)
            context.set_alpn_protocols(["h2"] if host.startswith("h2.") else ["http/1.1"])
            self._contexts[host] = context
        return self._contexts[host]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await self._connection(reader, writer)
        except (OSError, EOFError, ssl.SSLError, asyncio.CancelledError):
            pass  # a client that has gone, or the end of the test
        finally:
            self.open -= 1
            writer.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        user = user_of(head)
        if head.method != "CONNECT":
            await self._requests(reader, writer, user, head, tunnelled=False)
            return
        self.tunnels.append(head.target)
        writer.write(f"HTTP/1.1 {self.status}\r\n\r\n".encode())
        await writer.drain()
        if not self.status.startswith("200"):
            return
        host, _, port = head.target.rpartition(":")
        if port == "443":
            await writer.start_tls(self.context(host))
            chosen = writer.get_extra_info("ssl_object").selected_alpn_protocol()
            if chosen == "h2":
                await self._h2(reader, writer, user, head.target)
                return
        inner = await read_head(reader)
        inner_target = head.target
        await self._requests(reader, writer, user, inner, tunnelled=True, target=inner_target)

    async def _requests(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        user: str | None,
        head: Head,
        *,
        tunnelled: bool,
        target: str = "",
    ) -> None:
        while True:
            size = int(head.headers.get("content-length", "0"))
            if head.headers.get("transfer-encoding") == "chunked":
                await reader.readuntil(b"0\r\n\r\n")
            await reader.readexactly(size)
            path, where = head.target, target
            if not tunnelled:
                where, _, rest = head.target.removeprefix("http://").partition("/")
                path = "/" + rest
            self.seen.append(
                Seen(user, where, head.method, path, head.headers, tunnelled=tunnelled)
            )
            if head.headers.get("upgrade", "").lower() == "websocket":
                await echo_one_message(reader, writer, head)
                return
            body = answer(path, where)
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                + f"Content-Length: {len(body)}\r\n\r\n".encode()
                + (b"" if head.method == "HEAD" else body)
            )
            await writer.drain()
            head = await read_head(reader)

    async def _h2(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        user: str | None,
        target: str,
    ) -> None:
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        connection = h2.connection.H2Connection(config)
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        while data := await reader.read(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived) and event.stream_id is not None:
                    headers = {str(name): str(value) for name, value in event.headers or ()}
                    path = headers[":path"]
                    seen = Seen(user, target, headers[":method"], path, headers, protocol="h2")
                    self.seen.append(seen)
                    connection.send_headers(event.stream_id, [(":status", "200")])
                    body = answer(path, target)
                    connection.send_data(event.stream_id, body, end_stream=True)
            writer.write(connection.data_to_send())
            await writer.drain()


async def read_head(reader: asyncio.StreamReader) -> Head:
    text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = text.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    fields = (line.partition(":") for line in lines)
    return Head(method, target, {name.lower(): value.strip() for name, _, value in fields})


def user_of(head: Head) -> str | None:
    scheme, _, secret = head.headers.get("proxy-authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    return base64.b64decode(secret).decode().partition(":")[0]


async def echo_one_message(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: Head
) -> None:
    """Accept the handshake and send the first (short, masked) text message back."""
    digest = hashlib.sha1((head.headers["sec-websocket-key"] + WEBSOCKET_GUID).encode()).digest()  # noqa: S324 - RFC 6455 says SHA-1
    accept = base64.b64encode(digest).decode()
    writer.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )
    first = await reader.readexactly(2)
    mask = await reader.readexactly(4)
    data = await reader.readexactly(first[1] & 0x7F)
    plain = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
    writer.write(bytes((0x81, len(plain))) + plain)
    writer.write(b"\x88\x02\x03\xe8")  # close, 1000
    await writer.drain()
    await reader.read(1024)


def answer(path: str, target: str) -> bytes:
    """What a provider would say to `path`; to anything else a greeting that names the target."""
    for suffix, make in PROVIDERS.items():
        if path.partition("?")[0].endswith(suffix):
            return json.dumps(make()).encode()
    return json.dumps({"hello": target}).encode()


def openai_chat() -> object:
    message = {"role": "assistant", "content": "hello from the proxy"}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }


def anthropic_message() -> object:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "hello from the proxy"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


PROVIDERS: dict[str, Callable[[], object]] = {
    "/chat/completions": openai_chat,
    "/v1/messages": anthropic_message,
}
