from proxy.core.model import Exchange
from proxy.core.replay.asks import Ask, Asks
from proxy.mcp.pairing import Pairing
from tests.mcp.test_replaying import answered, asked, line

SLOW = asked(1, "tools/call", name="slow", _meta={"progressToken": 1})
PROGRESS = line({"method": "notifications/progress", "params": {"progressToken": 1}})
SAMPLE = asked(0, "sampling/createMessage", messages=[])
ROOTS = asked(1, "roots/list")


def exchanges(*said: tuple[bool, bytes], server: str = "shop") -> list[Exchange]:
    """What a client (True) and its server say, a second apart."""
    pairing = Pairing(server, "run_1", 100.0)
    made = [
        one
        for at, (mine, data) in enumerate(said, 1)
        for one in pairing.line(at * 1_000_000, from_client=mine, data=data)
    ]
    return made + pairing.ended(99_000_000, "over", by_client=True)


def found(*groups: list[Exchange]) -> dict[bytes, tuple[Ask, ...]]:
    """By the request of the call."""
    asks = Asks()
    every = [one for group in groups for one in group]
    for one in reversed(every):
        asks.add(one)
    bodies = {one.id: one.request_body.data for one in every}
    return {bodies[id_]: those for id_, those in asks.found().items()}


def test_what_was_asked_in_a_call_has_its_place_in_the_answer() -> None:
    said = exchanges(
        (True, SLOW),
        (False, SAMPLE),
        (True, answered(0)),
        (False, PROGRESS),
        (False, ROOTS),
        (True, answered(1)),
        (False, answered(1)),
    )
    assert found(said) == {SLOW: (Ask(0, SAMPLE), Ask(1, ROOTS))}


def test_of_several_calls_it_is_the_last_one() -> None:
    other = asked(2, "tools/call", name="other")
    said = exchanges(
        (True, SLOW), (True, other), (False, SAMPLE), (False, answered(1)), (False, answered(2))
    )
    assert found(said) == {other: (Ask(0, SAMPLE),)}


def test_what_was_asked_outside_of_calls_is_left_out() -> None:
    said = exchanges(
        (True, asked(1, "tools/list")),
        (False, ROOTS),
        (False, answered(1)),
        (True, SLOW),
        (False, answered(1)),
        (False, SAMPLE),
    )
    assert found(said) == {}
    unanswered = exchanges((True, SLOW), (False, SAMPLE))
    assert found(unanswered) == {}


def test_servers_are_told_apart() -> None:
    one = exchanges((True, SLOW), (False, PROGRESS), (False, answered(1)))
    other = exchanges((False, line({})), (False, SAMPLE), server="kb")
    assert found(one, other) == {}
