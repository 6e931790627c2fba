from hypothesis import given
from hypothesis import strategies as st

from proxy.mcp.framing import CLIENT, OVER, SERVER, Passed, Stop, message, messages

ITEMS = st.builds(
    Passed,
    at=st.integers(0, 2**63),
    what=st.sampled_from((CLIENT, SERVER, OVER)),
    data=st.binary(max_size=50),
)


@given(items=st.lists(ITEMS, max_size=6), size=st.integers(1, 40))
def test_any_split_gives_the_same(items: list[Passed], size: int) -> None:
    sent = b"".join(map(message, items))
    buffer = bytearray()
    found: list[Passed] = []
    for place in range(0, len(sent), size):
        buffer += sent[place : place + size]
        found += messages(buffer)
    assert found == items
    assert not buffer


def test_what_was_stopped_survives_the_pipe() -> None:
    stop = Stop(['"a"', "1"], "schema: é", withheld=True)
    assert Stop.unpack(stop.pack()) == stop
