"""TLS with a client: its hello is read by us, and OpenSSL does the rest.

mitmproxy reads all of a hello into objects and asks its addons about it, which takes longer than
the handshake. Two of its fields are all that is asked for here.
"""

from typing import override

from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.tls import ClientTLSLayer, TLSLayer

from proxy.core import client_hello
from proxy.errors import FormatError


class ClientTls(ClientTLSLayer):
    """The client's side of TLS. It comes first: replay must work without an upstream."""

    @override
    def receive_handshake_data(self, data: bytes) -> CommandGenerator[tuple[bool, str | None]]:
        if self.client_hello_parsed:
            return (yield from TLSLayer.receive_handshake_data(self, data))
        self.recv_buffer += data
        try:
            hello = client_hello.read(self.recv_buffer)
        except FormatError as error:
            return False, str(error)
        if hello is None:
            return False, None
        self.client_hello_parsed = True
        self.conn.sni, self.conn.alpn_offers = hello.sni, hello.alpn
        yield from self.start_tls()
        begun = bytes(self.recv_buffer)
        self.recv_buffer.clear()
        return (yield from TLSLayer.receive_handshake_data(self, begun))
