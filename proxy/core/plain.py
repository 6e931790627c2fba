"""Bodies without their Content-Encoding; as they are where that cannot be undone."""

from proxy.core.encoding import decode
from proxy.core.model import Exchange, RequestHead, header


def request(head: RequestHead, body: bytes) -> bytes:
    """A request body, decoded."""
    coding = header(head.headers, b"content-encoding")
    if not coding or not body:
        return body
    found = decode(body, coding.decode("latin-1"))
    return found.data if found.complete else body


def answer(exchange: Exchange) -> bytes:
    """The body of an exchange's answer, decoded as far as it goes; empty when there was none."""
    body = exchange.response_body.data
    coding = header(exchange.response.headers, b"content-encoding") if exchange.response else None
    if not coding or not body:
        return body
    return decode(body, coding.decode("latin-1")).data or body
