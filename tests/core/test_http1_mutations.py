"""HTTP/1.1 against h11: what is read is read alike, and what is broken is refused."""

import random
from collections.abc import Iterable, Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.http1 import (
    render_headers,
)
from proxy.core.model import Headers
from proxy.errors import FormatError
from tests.core.http1_reading import (
    FIELDS,
    STRICT,
    Read,
    ask_h11,
    assert_same,
    bytewise,
    chunked_bodies,
    read,
    splits,
)
from tests.data.malformed_requests import MALFORMED, ODD

_MUTATIONS = 10_000


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A valid request, and its body."""
    method = draw(st.sampled_from([b"GET", b"POST", b"PATCH", b"X-y!"]))
    target = b"/" + draw(st.binary(max_size=20).map(lambda r: bytes(33 + b % 94 for b in r)))
    fields = draw(FIELDS)
    kind = draw(st.sampled_from(["none", "length", "chunked"]))
    body = b""
    wire = b""
    framing: Headers = ()
    if kind == "length":
        body = wire = draw(st.binary(max_size=60))
        framing = ((b"content-LENGTH", b"%d" % len(body)),)
    elif kind == "chunked":
        sample = draw(chunked_bodies())
        body, wire = b"".join(sample.chunks), sample.wire + sample.ending
        framing = ((b"Transfer-encoding", b"chunked"),)
    headers = (*fields, (b"hOst", b"api.example:8080"), *framing)
    line = b"%b %b HTTP/1.1\r\n" % (method, target)
    return line + render_headers(headers) + wire, body


@given(requests(), st.binary(max_size=10), st.data())
@settings(max_examples=40, deadline=None)
def test_valid_requests_read_as_h11_reads_them(
    sample: tuple[bytes, bytes], behind: bytes, data: st.DataObject
) -> None:
    wire, body = sample
    found = read(data.draw(splits(wire + behind)))
    assert found is not None
    assert found.body == body
    assert_same(found, ask_h11(wire + behind))


_ODDITIES = (
    *(b"\r", b"\n", b"\r\n", b" ", b"\t", b"\0", b"\x0b", b"\x7f", b"\xe9", b":", b";", b","),
    *(b"0", b"5", b"+", b"-", b"0x", b"_", b"chunked", b"HTTP/1.0", b"Host: a\r\n"),
    *(b"Content-Length: 5\r\n", b"Content-Length: 6\r\n", b"Transfer-Encoding: chunked\r\n"),
)


def mutations(count: int) -> Iterator[bytes]:
    """Requests, right and wrong, each with some bytes changed. The same ones every time."""
    dice = random.Random(20_240_229)  # noqa: S311 - no secret
    wrong = [data for data in MALFORMED.values() if len(data) < 2000]
    right = [data for data, _ in ODD.values()]
    for _ in range(count):
        data = bytearray(dice.choice(dice.choice((wrong, right, right))))
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(data) + 1)
            match dice.randrange(5):
                case 0:
                    data[at:at] = dice.choice(_ODDITIES)
                case 1:
                    data[at : at + dice.randint(1, 4)] = b""
                case 2:
                    data[at : at + 1] = dice.randbytes(1)
                case 3:
                    data[at : at + 2] = dice.choice(_ODDITIES)
                case _:
                    end = at + dice.randrange(30)
                    data[at:at] = data[at:end]
        yield bytes(data)


def verdict(pieces: Iterable[bytes]) -> Read | str:
    try:
        return read(pieces) or "incomplete"
    except FormatError as error:
        return f"refused: {error}"


def test_ten_thousand_mutations() -> None:
    """Nothing but FormatError; what is read is read as h11 reads it; what it refuses, we refuse."""
    counts = {"read": 0, "incomplete": 0, "refused": 0}
    for index, data in enumerate(mutations(_MUTATIONS)):
        found = verdict([data])
        if index % 50 == 0:
            bit_by_bit = verdict(bytewise(data))
            assert type(bit_by_bit) is type(found)
            assert isinstance(found, str) or found == bit_by_bit
        if not isinstance(found, Read):
            counts[found.partition(":")[0]] += 1
            if found != "incomplete":
                continue
        oracle = ask_h11(data)
        counts["read"] += isinstance(found, Read)
        if oracle.refused and any(known.match(data) for known in STRICT.values()):
            continue
        if isinstance(found, Read):
            assert_same(found, oracle)
        else:  # h11 judges a first byte before it has the head
            assert not oracle.refused or b"\r\n\r\n" not in data
    assert sum(counts.values()) == _MUTATIONS
    assert counts["read"] > 1000
    assert counts["incomplete"] > 100
