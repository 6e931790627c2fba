"""Bodies that go on where an earlier one ended."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.core.redaction.memo import Memo
from proxy.core.redaction.rules import Rules
from proxy.core.redaction.scanner import Scanner
from proxy.core.redaction.spans import Find

KEY = b"sk-ant-api03-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8"
PIECES = (
    b'{"role": "user", "content": "hello there"}, ' * 40,
    b'{"note": "%s"}, ' % KEY,
    b'{"password": "' + b"long value " * 300 + b'"}, ',
    b"sk-ant-api03-",
    b"Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8 ",
    b'"password": "',
    b"x" * 3000,
    b"-----BEGIN PRIVATE KEY-----\\n" + b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\\n" * 200,
)


class Counted:
    """A search that says how much it was given."""

    def __init__(self) -> None:
        self.given = 0
        self.memo = Memo(self.search)

    def search(self, data: bytes) -> list[Find]:
        self.given += len(data)
        return Scanner(Rules()).static(data)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=9), min_size=2, max_size=4), st.data())
def test_it_finds_what_a_whole_search_finds(turns: list[list[bytes]], draw: st.DataObject) -> None:
    memo = Counted().memo
    body = PIECES[0] * 4
    for turn in turns:
        body = body[: draw.draw(st.integers(len(body) // 2, len(body)))] + b"".join(turn)
        found = {find[:3] for find in memo.find(body)}
        assert found == {find[:3] for find in Scanner(Rules()).static(body)}


def test_a_growing_history_is_searched_once() -> None:
    counted = Counted()
    body = b"{"
    for _ in range(60):
        body += PIECES[0]
        counted.memo.find(body)
    whole = sum(range(len(PIECES[0]), len(body), len(PIECES[0])))
    assert counted.given < whole / 4
    before = counted.given
    counted.memo.find(bytes(bytearray(body)))
    assert counted.given == before


def test_histories_of_several_runs_side_by_side() -> None:
    counted = Counted()
    bodies = [b"%d" % run + PIECES[0] * 20 for run in range(5)]
    for body in bodies:
        counted.memo.find(body)
    before = counted.given
    for body in bodies:
        counted.memo.find(body + PIECES[1])
    assert counted.given - before < 5 * 8000


def test_room_is_bounded() -> None:
    counted = Counted()
    counted.memo = Memo(counted.search, room=50_000)
    for run in range(9):
        counted.memo.find(b"%d" % run * 20_000)
    assert sum(len(seen.data) for seen in counted.memo._seen) <= 50_000
    counted.memo.find(b"z" * 90_000)
    assert counted.memo._seen == []


def test_small_bodies_are_not_remembered() -> None:
    counted = Counted()
    for _ in range(3):
        counted.memo.find(b"x" * 100)
    assert counted.given == 300
