from proxy.core.model import Body, Exchange, Frame, RequestHead
from proxy.engine.finished import Ready


def test_an_exchange_that_is_complete_already() -> None:
    head = RequestHead("POST", "mcp+stdio", "shop", 0, "/")
    one = Exchange("ex", "r", 0, "mcp", 0.0, head, Body(b"12345"), response_body=Body(b"123"))
    small = Ready(one).size
    one.frames = (Frame(0, True, 1, b"1234567"),)
    assert Ready(one).build() is one
    assert Ready(one).size == small + 7
    assert small > 8
