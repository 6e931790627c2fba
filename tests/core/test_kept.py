from hypothesis import given
from hypothesis import strategies as st

from proxy.core.kept import Kept


def test_what_was_put_is_there() -> None:
    kept = Kept[str, int]()
    kept.put("a", 1, 10)
    assert kept.get("a") == 1
    assert kept.get("b") is None


def test_the_first_value_stays() -> None:
    kept = Kept[str, int]()
    kept.put("a", 1, 10)
    kept.put("a", 2, 10)
    assert kept.get("a") == 1


def test_the_oldest_go_when_there_is_no_room() -> None:
    kept = Kept[int, int](room=3000)
    for number in range(5):
        kept.put(number, number, 488)  # 1000 with what an entry takes
    assert [number for number in range(5) if kept.get(number) is not None] == [2, 3, 4]


def test_what_is_too_large_is_not_kept() -> None:
    kept = Kept[str, int]()
    kept.put("a", 1, 70_000)
    assert kept.get("a") is None


def test_after_clear_there_is_room_for_as_much_as_before() -> None:
    kept = Kept[int, int](room=3000)
    for number in range(3):
        kept.put(number, number, 488)
    kept.clear()
    assert kept.get(0) is None
    for number in range(3):
        kept.put(number, number, 488)
    assert all(kept.get(number) == number for number in range(3))


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5000))))
def test_it_never_holds_more_than_its_room(puts: list[tuple[int, int]]) -> None:
    kept, sizes = Kept[int, int](room=8000), dict[int, int]()
    for key, size in puts:
        if kept.get(key) is None:
            sizes[key] = size
        kept.put(key, key, size)
    held = [sizes[key] + 512 for key in sizes if kept.get(key) is not None]
    assert sum(held) <= 8000
