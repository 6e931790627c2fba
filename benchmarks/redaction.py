"""How fast redaction is: MB/s of one core (CPU time), and how time grows from 1 MB to 10 MB.

    python benchmarks/redaction.py [--quick]

Speed is CPU time, so that other programs on the machine disturb it little; `loop` is the time of a
plain Python loop of a million steps, to compare machines by.
"""

import base64
import json
import random
import sys
import time
from collections.abc import Callable, Iterator

from proxy.core.model import Body, Exchange, Headers, Part, RequestHead, ResponseHead
from proxy.core.redaction.redactor import Redactor

MB = 1_000_000
SSE = b"text/event-stream"
JSON = b"application/json"
KEY = "sk-proj-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2Yz3"
WORDS = (
    "the quick brown fox jumps over a lazy dog; agents call tools and answer questions about orders, "
    "refunds and policies: see section 4.2 (well-known) of the hand_book. It's 'fine', \"really\".\n"
).split(" ")


def prose(rng: random.Random, size: int) -> str:
    out: list[str] = []
    while size > 0:
        word = rng.choice(WORDS)
        out.append(word)
        size -= len(word) + 1
    return " ".join(out)


def chat(rng: random.Random, size: int) -> bytes:
    """An agent's request: its whole history."""
    messages: list[dict[str, object]] = []
    while size > 0:
        call = {"customer_id": f"c_{rng.randrange(10**6)}", "note": prose(rng, 150)}
        function = {"name": "get_customer_order", "arguments": json.dumps(call)}
        id_ = f"call_{rng.randbytes(12).hex()}"
        turn: list[dict[str, object]] = [
            {"role": "user", "content": prose(rng, 1500)},
            {
                "role": "assistant",
                "tool_calls": [{"id": id_, "type": "function", "function": function}],
            },
            {"role": "tool", "tool_call_id": id_, "content": json.dumps({"rows": [call] * 3})},
        ]
        size -= len(json.dumps(turn))
        messages += turn
    return json.dumps({"model": "gpt-5", "max_tokens": 900, "messages": messages}).encode()


def rows(rng: random.Random, size: int) -> bytes:
    """A tool's answer: many small fields."""
    out: list[dict[str, object]] = []
    while size > 0:
        row: dict[str, object] = {
            "id": rng.randbytes(16).hex(),
            "created_at": f"2026-11-{rng.randrange(10, 28)}T10:00:00Z",
            "status": rng.choice(("open", "closed")),
            "amount": rng.randrange(10**6) / 100,
            "next_page_token": None,
            "tags": ["a-b", "c_d"],
        }
        size -= len(json.dumps(row))
        out.append(row)
    return json.dumps({"items": out}).encode()


def openai_stream(rng: random.Random, size: int) -> bytes:
    def events() -> Iterator[str]:
        left = size
        while left > 0:
            delta = {"content": " " + rng.choice(WORDS)}
            event = {
                "id": "chatcmpl-AbCdEf0123456789AbCdEf01234",
                "object": "chat.completion.chunk",
                "created": 1_790_000_000,
                "model": "gpt-5-2026-08-06",
                "service_tier": "default",
                "system_fingerprint": "fp_0123456789",
                "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}],
            }
            text = f"data: {json.dumps(event, separators=(',', ':'))}\n\n"
            left -= len(text)
            yield text

    return "".join(events()).encode()


def anthropic_stream(rng: random.Random, size: int) -> bytes:
    def events() -> Iterator[str]:
        left = size
        while left > 0:
            delta = {"type": "text_delta", "text": prose(rng, 20)}
            event = {"type": "content_block_delta", "index": 0, "delta": delta}
            text = f"event: content_block_delta\ndata: {json.dumps(event)}\n\n"
            left -= len(text)
            yield text

    return "".join(events()).encode()


def image(rng: random.Random, size: int) -> bytes:
    data = base64.b64encode(rng.randbytes(size * 3 // 4)).decode()
    return json.dumps({"image_url": f"data:image/png;base64,{data}"}).encode()


def with_key(make: Callable[[random.Random, int], bytes]) -> Callable[[random.Random, int], bytes]:
    """The same with a key in the middle (of a stream: cut in two)."""

    def planted(rng: random.Random, size: int) -> bytes:
        data = make(rng, size)
        if data.startswith((b"data:", b"event:")):
            event, end = (
                data.split(b"\n\n", 1)[0] + b"\n\n",
                data.index(b"\n\n", len(data) // 2) + 2,
            )
            old = json.loads(event[event.index(b"{") :])
            delta = old["choices"][0]["delta"] if "choices" in old else old["delta"]
            field = "content" if "content" in delta else "text"
            pieces = b""
            for piece in (" " + KEY[:11], KEY[11:]):
                delta[field] = piece
                pieces += event[: event.index(b"{")] + json.dumps(old).encode() + b"\n\n"
            return data[:end] + pieces + data[end:]
        at = data.index(b": ", len(data) // 2)
        at = data.index(b'"', at) + 1
        return data[:at] + KEY.encode() + b" " + data[at:]

    return planted


def hostile(text: bytes) -> Callable[[random.Random, int], bytes]:
    return lambda _, size: text * (size // len(text))


CASES: dict[str, tuple[bytes, Callable[[random.Random, int], bytes]]] = {
    "chat request": (JSON, chat),
    "chat request with a key": (JSON, with_key(chat)),
    "tool rows": (JSON, rows),
    "base64 image": (JSON, image),
    "OpenAI stream": (SSE, openai_stream),
    "OpenAI stream with a cut key": (SSE, with_key(openai_stream)),
    "Anthropic stream": (SSE, anthropic_stream),
    "Anthropic stream with a cut key": (SSE, with_key(anthropic_stream)),
}
HOSTILE: dict[str, tuple[bytes, Callable[[random.Random, int], bytes]]] = {
    "sk-sk-sk-": (JSON, hostile(b"sk-")),
    "eyJeyJeyJ": (JSON, hostile(b"eyJ")),
    "a@a@a@": (JSON, hostile(b"a@")),
    "://a:://a:": (JSON, hostile(b"://a:")),
    "quotes and backslashes": (JSON, hostile(b'\\"\\\\":"')),
    "brackets": (SSE, hostile(b"[")),
    "escaped letters": (JSON, hostile(b"\\u0061")),
}


def exchange(body: bytes, media: bytes) -> Exchange:
    headers: Headers = ((b"content-type", media),)
    return Exchange(
        id="x",
        run_id="r",
        seq=1,
        via="forward",
        started_at=0.0,
        request=RequestHead("POST", "https", "api.example.com", 443, "/v1/chat"),
        response=ResponseHead(200, headers=headers),
        response_body=Body(body, (Part(0, len(body)),)),
    )


def redactor(learned: int) -> Redactor:
    redact = Redactor(bytes(32))
    rng = random.Random(learned)
    for _ in range(learned):
        value = base64.b64encode(rng.randbytes(30))
        redact.exchange(
            Exchange(
                id="x",
                run_id="r",
                seq=1,
                via="forward",
                started_at=0.0,
                request=RequestHead(
                    "GET", "https", "h", 443, "/", headers=((b"x-api-key", value),)
                ),
            )
        )
    return redact


def seconds(work: Callable[[int], object], rounds: int) -> float:
    """CPU of the fastest of `rounds`; `work` is told which it is."""
    best = float("inf")
    for number in range(rounds):
        start = time.process_time()
        work(number)
        best = min(best, time.process_time() - start)
    return best


def unseen(body: bytes, media: bytes) -> Callable[[int], Exchange]:
    """An exchange for each number, none begins like another: what is known is not searched again."""
    return lambda number: exchange(b"\n" * number + body, media)


def cost(redact: Redactor, body: Callable[[int], Exchange], rounds: int) -> float:
    made = [body(number) for number in range(rounds)]
    return seconds(lambda number: redact.exchange(made[number]), rounds)


def loop(_: int) -> None:
    total = 0
    for step in range(1_000_000):
        total += step


def main() -> None:
    quick = "--quick" in sys.argv
    small, rounds = (MB // 4, 2) if quick else (MB, 3)
    print(f"loop: {seconds(loop, 5) * 1000:.0f} ms\n")
    print(f"{'body':34}{'MB/s':>8}{'10x time':>10}{'50 learned':>12}{'256 learned':>12}")
    for name, (media, make) in {**CASES, **HOSTILE}.items():
        rng = random.Random(1)
        one, ten = make(rng, small), make(rng, 10 * small)
        speeds: list[float] = []
        ratio = 0.0
        for learned in (0, 50, 256) if name in CASES else (0,):
            redact = redactor(learned)
            time_one = cost(redact, unseen(one, media), rounds)
            speeds.append(len(one) / MB / time_one)
            if not learned:
                time_ten = cost(redact, unseen(ten, media), 1)
                ratio = time_ten / time_one
        print(
            f"{name:34}{speeds[0]:8.1f}{ratio:10.1f}"
            + "".join(f"{speed:12.1f}" for speed in speeds[1:])
        )
    small_one = chat(random.Random(1), 2500)
    redact = redactor(1)
    made = [exchange(b" " * number + small_one, JSON) for number in range(200 * rounds)]
    each = seconds(lambda n: [redact.exchange(made[200 * n + k]) for k in range(200)], rounds) / 200
    print(f"\nan exchange with a body of 2.5 kB: {each * 1e6:.0f} us")


if __name__ == "__main__":
    main()
