"""What looks like a secret and is none: it must come through unchanged."""

import base64
import hashlib
import json
import struct
from collections.abc import Callable
from random import Random

from proxy.core.model import Exchange
from tests.core.redaction.matrix import ALNUM, B64U, DIGITS, HEX, JSON, LOWER, exchange, rnd

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def _uuid(random: Random) -> str:
    text = rnd(random, HEX, 32)
    return "-".join((text[:8], text[8:12], "4" + text[13:16], "a" + text[17:20], text[20:]))


def _words(random: Random) -> str:
    stems = ("task", "risk", "disk", "desk", "mask", "ask", "sk")
    tails = ("learn", "learn-contrib", "based-approach", "management", "id-generation-service")
    return f"{random.choice(stems)}-{random.choice(tails)}"


def _cursor(random: Random) -> str:
    return base64.b64encode(json.dumps({"offset": random.randrange(10**6)}).encode()).decode()


def _prose(random: Random) -> str:
    return " ".join(
        random.choice(("orders", "refund 12", "see:", "policy=4", "e-mail", '"quoted"', "id: c_7"))
        for _ in range(12)
    )


_AFTER_A_FLAG = (
    "is required",
    "--verbose",
    "<your-token>",
    "$TOKEN",
    "${API_KEY}",
    "value",
    "option-name",
    "/run/secrets/token_2",
    "config.token",
)

LOOKALIKES: dict[str, Callable[[Random], str]] = {
    "call id": lambda random: f"call_{rnd(random, ALNUM, 24)}",
    "tool use id": lambda random: f"toolu_01{rnd(random, ALNUM, 22)}",
    "completion id": lambda random: f"chatcmpl-{rnd(random, ALNUM, 29)}",
    "response id": lambda random: f"resp_{rnd(random, HEX, 50)}",
    "message id": lambda random: f"msg_01{rnd(random, ALNUM, 22)}",
    "request id": lambda random: f"req_011{rnd(random, ALNUM, 21)}",
    "file id": lambda random: f"file-{rnd(random, ALNUM, 22)}",
    "uuid": _uuid,
    "ulid": lambda random: "01" + "".join(random.choices(CROCKFORD, k=24)),
    "sha1": lambda random: hashlib.sha1(random.randbytes(8)).hexdigest(),  # noqa: S324 - an id
    "sha256": lambda random: hashlib.sha256(random.randbytes(8)).hexdigest(),
    "image": lambda random: base64.b64encode(random.randbytes(3000)).decode(),
    "signature": lambda random: "EqQBCkYI" + base64.b64encode(random.randbytes(600)).decode(),
    "encrypted": lambda random: (
        "gAAAAAB" + base64.urlsafe_b64encode(random.randbytes(900)).decode()
    ),
    "traceparent": lambda random: f"00-{rnd(random, HEX, 32)}-{rnd(random, HEX, 16)}-01",
    "etag": lambda random: f'W/"{rnd(random, HEX, 32)}"',
    "cursor": _cursor,
    "page token": lambda random: f"CAUQ{rnd(random, B64U, 40)}",
    "model": lambda random: f"gpt-4o-mini-2024-07-{random.randrange(10, 28)}",
    "words": _words,
    "package": lambda random: f"scikit-learn=={random.randrange(9)}.{random.randrange(99)}.0",
    "timestamp": lambda random: (
        f"2026-11-{random.randrange(10, 28)}T10:00:00.{random.randrange(999)}Z"
    ),
    "fingerprint": lambda random: f"fp_{rnd(random, HEX, 10)}",
    "digits": lambda random: rnd(random, DIGITS + "a", 15).replace("a", "1"),
    "text in base64": lambda random: base64.b64encode(_prose(random).encode()).decode(),
    "text in hex": lambda random: _prose(random).encode().hex(),
    "image in lines": lambda random: base64.encodebytes(random.randbytes(600)).decode(),
    "embedding": lambda random: base64.b64encode(
        struct.pack("40f", *(random.gauss(0, 0.05) for _ in range(40)))
    ).decode(),
    "flag": lambda random: (
        f"run --{random.choice(('token', 'api-key', 'password'))} {random.choice(_AFTER_A_FLAG)}"
    ),
    "user": lambda random: (
        f"docker run -u {random.randrange(1, 9999)}:{random.randrange(1, 9999)} -v /srv/a1b2:/x y"
    ),
    "minified": lambda random: (
        f"function {rnd(random, LOWER, 2)}(t){{return t.value=t.token?{random.randrange(99)}:-u,"
        f"e-u:n.password={{value:t}},a.credentials={{b:{random.randrange(9)}}}}}"
    ),
    "references": lambda random: (
        f"&lt;p&gt;it&#39;s &quot;{rnd(random, ALNUM, 12)}&quot;&lt;/p&gt;"
    ),
    "link": lambda random: (
        f"https://x.io/?next=https%3A%2F%2Fy.io%2F%3Fpage%3D{random.randrange(99)}%26q%3D"
        f"{rnd(random, HEX, 32)}"
    ),
    "prose on logging in": lambda random: (
        f"the login or password of machine {random.randrange(9)} is a secret; basic things first"
    ),
    "named": lambda random: json.dumps(
        {"name": random.choice(("color", "next_page_token", "id")), "value": rnd(random, HEX, 32)}
    ),
    "snake case": lambda random: "_".join(rnd(random, LOWER + "0", 6) for _ in range(4)),
}

# Headers that name runs, requests and limits.
_HEADERS = (
    b"x-request-id x-claude-code-session-id session-id thread-id mcp-session-id idempotency-key "
    b"traceparent etag x-correlation-id sec-websocket-key x-session-id x-opencode-session"
).split()


def exchanges(value: str) -> list[Exchange]:
    """`value` where such values usually are."""
    quoted = value.replace('"', "")
    record = {
        "id": value,
        "tool_call_id": value,
        "next_page_token": value,
        "cursor": value,
        "key": value,
        "prompt_cache_key": value,
        "session_id": value,
        "signature": value,
        "system_fingerprint": value,
        "usage": {"max_tokens": 100, "prompt_tokens": 7, "token_count": 3},
        "content": f"It said {value}, see {quoted}.\nkey: value; tokens: 12",
        "arguments": json.dumps({"id": value, "page_token": value, "token": "Hello"}),
        "url": f"data:image/png;base64,{quoted}",
    }
    body = json.dumps(record).encode()
    event = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"signature": value, "text": value},
    }
    stream = f"id: {quoted}\ndata: {json.dumps(event)}\n\n".encode() * 2
    headers = tuple((name, quoted.encode()) for name in _HEADERS)
    return [
        exchange(body=body, headers=(*JSON, *headers), answer=body, answer_headers=JSON, cut=50),
        exchange(answer=stream, answer_headers=((b"content-type", b"text/event-stream"),)),
    ]
