import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.stores import ints

ANY = st.lists(st.integers(-(2**63), 2**63 - 1))
SMALL = st.lists(st.integers(-300, 70_000))


@settings(deadline=None, max_examples=60)
@given(ANY | SMALL)
def test_they_come_back(values: list[int]) -> None:
    assert ints.unpack(ints.pack(values)) == values


@pytest.mark.parametrize(
    ("values", "size"),
    [
        ([], 0),
        ([0, 255], 1 + 2),
        ([-1, 127], 1 + 2),
        ([256], 1 + 2),
        ([-129, 300], 1 + 4),
        ([2**32 - 1], 1 + 4),
        ([-(2**31)], 1 + 4),
        ([2**32], 1 + 8),
    ],
)
def test_the_narrowest_width_is_taken(values: list[int], size: int) -> None:
    assert len(ints.pack(values)) == size


@pytest.mark.parametrize("data", [b"B", b"xab", b"Habc", b"\xff"])
def test_other_bytes(data: bytes) -> None:
    if data == b"B":
        assert ints.unpack(data) == []
        return
    with pytest.raises(ValueError, match=r"no width|cut off"):
        ints.unpack(data)


def test_more_than_64_bits() -> None:
    with pytest.raises(OverflowError):
        ints.pack([2**63])
