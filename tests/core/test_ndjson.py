from hypothesis import given
from hypothesis import strategies as st

from proxy.core.ndjson import LineParser


def parse(*pieces: bytes) -> tuple[list[bytes], bytes]:
    parser = LineParser()
    lines = [line for piece in pieces for line in parser.feed(piece)]
    return lines, parser.partial()


def test_lines_and_what_follows_the_last() -> None:
    assert parse(b'{"a":1}\r\n\n{"b":2}\n{"c"') == ([b'{"a":1}\r', b'{"b":2}'], b'{"c"')


def test_nothing() -> None:
    assert parse(b"", b"\n\n") == ([], b"")


@given(
    stream=st.binary(max_size=80).map(lambda b: b.replace(b"a", b"\n")),
    cuts=st.lists(st.integers(0, 80), max_size=5),
)
def test_any_split_gives_the_same(stream: bytes, cuts: list[int]) -> None:
    places = sorted(cuts)
    pieces = [stream[a:b] for a, b in zip([0, *places], [*places, None], strict=True)]
    assert parse(*pieces) == parse(stream)
