"""What finding a recorded call costs, among few and among many.

    python -m benchmarks.lookup [--few 200] [--many 100000] [--rounds 7] [--write FILE]

CPU of one decision, in microseconds, in process: calls that are the same byte for byte, calls in
which a time and an id have changed, and calls that match nothing, for which the closest are looked
up. The first question of each kind is a column of its own, because an index may be made then.
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.forward import insert
from proxy.core.model import Body, Exchange, Part, RequestHead, ResponseHead
from proxy.core.replay import Fixtures, Hit, Miss, Playback
from proxy.replays import step_of

_ASKED = 20  # of a kind, in a round
_JSON = ((b"content-type", b"application/json"),)
_HEAD = RequestHead("POST", "https", "llm.test", 443, "/v1/chat/completions", headers=_JSON)
_ANSWER = b'{"choices":[{"message":{"role":"assistant","content":"It is done."}}]}'


class Kind(NamedTuple):
    """A way in which what is asked is like what was recorded, and what that has to give."""

    name: str
    body: Callable[[int], bytes]
    answer: type[Hit | Miss]


def recorded(number: int, minute: int = 7, order: str = "order") -> bytes:
    """A chat request; 1,000 words tell a million numbers apart, as prompts do."""
    said = f"Look up {order} {_word(number // 1000)} {_word(number % 1000)} for the customer."
    system = f"You are support. Today is 2026-02-03T10:{minute:02}:00Z. Be brief. " + "Rules. " * 40
    messages = [{"role": "system", "content": system}, {"role": "user", "content": said}]
    return json.dumps({"model": "gpt-5-mini", "messages": messages}).encode()


def _word(number: int) -> str:
    return "".join("bcdfghklmn"[int(digit)] + "aeiou"[int(digit) % 5] for digit in f"{number:03}")


KINDS = (
    Kind("the same bytes", recorded, Hit),
    Kind("another time in it", lambda number: recorded(number, minute=8), Hit),
    Kind("nothing like it", lambda number: recorded(number, order="parcel"), Miss),
)


def exchanges(count: int) -> Iterator[Exchange]:
    for number in range(count):
        body = recorded(number)
        yield Exchange(
            id=f"ex_{number:012}",
            run_id="r1",
            seq=number + 1,
            via="gateway",
            started_at=1_763_000_000.0 + number,
            request=_HEAD,
            request_body=Body(body, (Part(0, len(body)),)),
            response=ResponseHead(200, "OK", headers=_JSON),
            response_body=Body(_ANSWER, (Part(9, len(_ANSWER)),)),
            ended_us=900,
        )


def asked(playback: Playback, kind: Kind, numbers: list[int]) -> float:
    """Microseconds of CPU for one decision."""
    bodies = [kind.body(number) for number in numbers]
    began = time.process_time()
    answers = [playback.decide(_HEAD, body) for body in bodies]
    took = time.process_time() - began
    if not all(isinstance(answer, kind.answer) for answer in answers):
        raise SystemExit(f"{kind.name}: {answers[0]}")
    return took / len(numbers) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--few", type=int, default=200)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    playbacks: dict[int, Playback] = {}
    for count in (options.few, options.many):
        began = time.process_time()
        playbacks[count] = Playback(Fixtures.of(exchanges(count), steps=step_of), reuse=True)
        sys.stderr.write(f"{count} exchanges: indexed in {time.process_time() - began:.1f} s\n")
    rows: list[str] = []
    for kind in KINDS:
        first = {count: asked(one, kind, [count // 2]) for count, one in playbacks.items()}
        found: dict[int, list[float]] = {count: [] for count in playbacks}
        fresh = {count: random.sample(range(count), options.rounds * _ASKED) for count in playbacks}
        for _ in range(options.rounds):
            for count, one in random.sample(list(playbacks.items()), len(playbacks)):
                numbers = [fresh[count].pop() for _ in range(_ASKED)]
                found[count].append(asked(one, kind, numbers))
        few, many = (statistics.median(found[count]) for count in (options.few, options.many))
        ratios = sorted(m / f for f, m in zip(found[options.few], found[options.many], strict=True))
        rows.append(
            f"| {kind.name} | {few:.0f} us | {many:.0f} us | {statistics.median(ratios):.2f} "
            f"[{ratios[0]:.2f}-{ratios[-1]:.2f}] | {first[options.many] / 1e6:.2f} s |"
        )
    counts = f"among {options.few} | among {options.many:,}"
    head = f"| asked is | {counts} | times as much | the first of them |"
    text = "\n".join([head, "|---|---|---|---|---|", *rows, ""])
    sys.stdout.write(text)
    if options.write:
        insert(options.write, "lookup", text)


if __name__ == "__main__":
    main()
