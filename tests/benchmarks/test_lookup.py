import pytest

from benchmarks.lookup import KINDS, Kind, asked, exchanges, recorded
from proxy.core.replay import Fixtures, Playback
from proxy.replays import step_of


@pytest.fixture(scope="module")
def playback() -> Playback:
    return Playback(Fixtures.of(exchanges(30), steps=step_of), reuse=True)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_kind_is_answered_as_it_is_meant(kind: Kind, playback: Playback) -> None:
    assert asked(playback, kind, [3, 29]) > 0  # and stops the program if the answer is another


def test_what_is_recorded_differs_from_one_to_the_next() -> None:
    assert len({recorded(number) for number in range(0, 100_000, 97)}) == 1031


def test_a_wrong_answer_stops_the_measurement(playback: Playback) -> None:
    same, _, nothing = KINDS
    with pytest.raises(SystemExit, match="nothing like it"):
        asked(playback, nothing._replace(body=same.body), [3])
