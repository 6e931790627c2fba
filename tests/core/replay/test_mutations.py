"""A hundred seeded mutations of requests: each is answered by its own recorded call, or by none.

The recording is full of neighbours. What changes from run to run is changed in every request; in
some a fact is changed too, which makes it a neighbour's request, or nobody's.
"""

import copy
import random
import uuid
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import orjson
import pytest

from proxy.core.model import Exchange
from proxy.core.replay import Fixtures, Hit, Playback
from tests.core.recorded import exchange, step

CUSTOMERS: Final = ("CUS-1042", "CUS-1043", "CUS-2042")
AMOUNTS: Final = ("25.50", "25.60", "255.0")
PAST: Final = random.Random(0)  # noqa: S311 - sample data


class Facts(NamedTuple):
    """What a request asks about."""

    customer: str
    amount: str
    turns: int = 1
    model: str = "gpt-5"
    tool: str = "refund"


def hexes(rng: random.Random, length: int) -> str:
    return "a1" + "".join(rng.choices("0123456789abcdef", k=length - 2))


def request(facts: Facts, rng: random.Random) -> dict[str, Any]:
    """A conversation about `facts`; all that `rng` draws changes from run to run."""
    session = uuid.UUID(int=rng.getrandbits(128), version=4)
    day, hour = f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}", f"{rng.randint(0, 23):02}"
    drawn = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789_", k=8))  # as by mkdtemp
    messages: list[dict[str, Any]] = [
        {
            "role": "system",
            "content": f"You help customers. It is {day} {hour}:15:07. Session {session}. "
            f"Notes are in /tmp/tmp{drawn}/notes.md",
        },
        {"role": "user", "content": f"{facts.customer} wants {facts.amount} EUR back."},
    ]
    for turn in range(facts.turns):
        call = f"call_{hexes(rng, 24)}"
        arguments = {"customer": facts.customer, "turn": turn, "at": f"{day}T{hour}:15:07Z"}
        function = {"name": facts.tool, "arguments": orjson.dumps(arguments).decode()}
        use = {"id": call, "type": "function", "function": function}
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [use]},
            {"role": "tool", "tool_call_id": call, "content": f"refused {turn}"},
        ]
    return {
        "model": facts.model,
        "messages": messages,
        "prompt_cache_key": f"run:{hexes(rng, 32)}",
        "metadata": {"request_id": str(uuid.UUID(int=rng.getrandbits(128), version=4))},
    }


RECORDED: Final = [
    Facts(customer, amount, turns)
    for customer in CUSTOMERS
    for amount in AMOUNTS
    for turns in (0, 1, 3)
]
CALLS: Final[list[Exchange]] = [
    exchange(seq, request(facts, PAST)) for seq, facts in enumerate(RECORDED, 1)
]

# A fact of the request becomes another one.
FACTS: Final[tuple[Callable[[Facts, random.Random], Facts], ...]] = (
    lambda facts, rng: facts._replace(customer=rng.choice((*CUSTOMERS, "CUS-1044", "cus-1042"))),
    lambda facts, rng: facts._replace(amount=rng.choice((*AMOUNTS, "25.5", "25.51", "2550"))),
    lambda facts, rng: facts._replace(turns=rng.choice((0, 1, 2, 3, 4))),
    lambda facts, rng: facts._replace(model=rng.choice(("gpt-5", "gpt-5-mini"))),
    lambda facts, rng: facts._replace(tool=rng.choice(("refund", "refunds"))),
)


def swapped(body: dict[str, Any], rng: random.Random) -> None:
    messages = body["messages"]
    one = rng.randrange(len(messages) - 1)
    messages[one], messages[one + 1] = messages[one + 1], messages[one]


def reworded(body: dict[str, Any], rng: random.Random) -> None:
    message = rng.choice([one for one in body["messages"] if one["content"]])
    word = rng.choice(("refused", "wants", "help"))
    message["content"] = message["content"].replace(word, word.upper()) + " "


def set_anew(body: dict[str, Any], rng: random.Random) -> None:
    body[rng.choice(("temperature", "seed", "max_tokens"))] = rng.randint(0, 1)


def lost(body: dict[str, Any], rng: random.Random) -> None:
    del body["messages"][rng.randrange(2)]


# Nobody has asked this.
BROKEN: Final = (swapped, reworded, set_anew, lost)


def mutated(seed: int) -> tuple[dict[str, Any], int | None]:
    """A request, and the recorded call that answers it: None if none does."""
    rng = random.Random(seed)  # noqa: S311 - sample data
    facts = rng.choice(RECORDED)
    if seed % 4 in (1, 2):
        facts = rng.choice(FACTS)(facts, rng)
    body = request(facts, rng)
    known = facts._replace(tool="refund") if not facts.turns else facts  # no turn, no tool
    expected = RECORDED.index(known) + 1 if known in RECORDED else None
    if seed % 4 == 3:
        before = copy.deepcopy(body)
        rng.choice(BROKEN)(body, rng)
        assert body != before
        expected = None
    if rng.random() < 0.5:
        body = dict(reversed(body.items()))
    return body, expected


MUTATIONS: Final = [mutated(seed) for seed in range(100)]


def test_a_hundred_mutations_are_judged_right() -> None:
    fixtures = Fixtures.of(CALLS, steps=step)
    wrong = []
    for seed, (body, expected) in enumerate(MUTATIONS):
        answer = Playback(fixtures).decide(CALLS[0].request, orjson.dumps(body))
        found = answer.fixture.seq if isinstance(answer, Hit) else None
        if found != expected:
            wrong.append((seed, expected, found))
    assert wrong == []


@pytest.mark.parametrize("kind", ["served", "missed"])
def test_the_mutations_are_of_both_kinds(kind: str) -> None:
    expected = [one for _, one in MUTATIONS if (one is None) == (kind == "missed")]
    assert len(expected) >= 30
    if kind == "served":
        assert len(set(expected)) > len(RECORDED) // 2
