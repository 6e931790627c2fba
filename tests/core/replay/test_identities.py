from proxy.core.matching import Volatile
from proxy.core.replay.fixtures import Fixtures
from proxy.core.replay.identities import Identities
from tests.core.recorded import exchange, step

A = "550e8400-e29b-41d4-a716-446655440000"


def ids(*texts: str, kind: str = "uuid") -> tuple[Volatile, ...]:
    return (
        Volatile("date", texts[0], firm=False),
        *(Volatile(kind, one, firm=True) for one in texts),
    )


def identities() -> Identities:
    recorded = exchange(1, {"session": A})
    return Identities(Fixtures.of([recorded], steps=step))


def test_nothing_is_known_at_first() -> None:
    assert identities().conflict(ids("a"), ids("x")) is None
    assert identities().fits(ids("a", "b"), ids("x", "y"))


def test_one_stays_one() -> None:
    found = identities()
    found.bind(ids("a", "b"), ids("x", "y"))
    assert found.fits(ids("b", "a"), ids("y", "x"))
    assert not found.fits(ids("a"), ids("y"))
    assert not found.fits(ids("a"), ids("new"))
    assert not found.fits(ids("new"), ids("x"))
    assert found.conflict(ids("a"), ids("y")) is None  # a wrong first guess must not be the end


def test_secrets_are_never_mixed_up() -> None:
    found = identities()
    found.bind(ids("a", kind="secret"), ids("x", kind="secret"))
    assert found.conflict(ids("a", kind="secret"), ids("x", kind="secret")) is None
    other = found.conflict(ids("a", kind="secret"), ids("y", kind="secret"))
    assert other == "'a' of the recording is 'x' here, not 'y'"
    other = found.conflict(ids("b", kind="secret"), ids("x", kind="secret"))
    assert other == "'x' is 'a' of the recording, not 'b'"


def test_ids_that_are_the_recorded_ones_stay_so() -> None:
    found = identities()
    found.served_exactly(0)
    assert found.conflict(ids(A), ids(A)) is None
    assert found.conflict(ids(A), ids("x")) == f"{A!r} of the recording is {A!r} here, not 'x'"
    assert found.conflict(ids("b"), ids(A)) == f"{A!r} is {A!r} of the recording, not 'b'"
