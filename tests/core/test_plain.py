import gzip

from proxy.core import plain
from proxy.core.model import Body, ResponseHead
from tests.core.recorded import exchange

GZIP = ((b"Content-Encoding", b"gzip"),)


def test_requests() -> None:
    head = exchange(headers=GZIP).request
    assert plain.request(head, gzip.compress(b"abc")) == b"abc"
    assert plain.request(head, b"") == b""
    assert plain.request(head, b"abc") == b"abc"
    assert plain.request(head, gzip.compress(b"abc")[:-4]) == gzip.compress(b"abc")[:-4]
    assert plain.request(exchange(headers=()).request, b"abc") == b"abc"


def test_answers() -> None:
    packed = gzip.compress(b"abcdefgh" * 99)
    head = ResponseHead(200, "", headers=GZIP)
    assert plain.answer(exchange(response=head, response_body=Body(packed))) == b"abcdefgh" * 99
    cut = plain.answer(exchange(response=head, response_body=Body(packed[:-9])))
    assert (b"abcdefgh" * 99).startswith(cut)
    assert plain.answer(exchange(response=head, response_body=Body(b"plain"))) == b"plain"
    assert plain.answer(exchange(response=None, response_body=Body())) == b""
