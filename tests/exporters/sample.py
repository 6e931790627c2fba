"""One run with everything an exporter has to carry, hostile text included."""

import gzip

from proxy.core.model import (
    Body,
    End,
    Event,
    Frame,
    Outcome,
    Own,
    ResponseHead,
    Run,
    Snapshot,
)
from tests.core.recorded import JSON, exchange, in_parts

START = 1770889282.0
EVIL = "</script><img src=x onerror=alert(1)> | `code` *bold* \u2028 ```\n# not a title"


def snapshot() -> Snapshot:
    packed = gzip.compress(b'{"id":"chatcmpl-1","text":"hello there, hello there"}', mtime=0)
    encoded = (*JSON, (b"Content-Encoding", b"gzip"), (b"Set-Cookie", b"a=1; Path=/"))
    sse = b'data: {"delta":"He"}\n\ndata: {"delta":"llo"}\n\ndata: [DONE]\n\n'
    calls = [
        exchange(
            1,
            {"model": "gpt-5", "messages": [{"role": "user", "content": EVIL}]},
            response=ResponseHead(200, "OK", headers=encoded),
            response_body=in_parts(packed),
            own=Own(group="plan", step="ask"),
        ),
        exchange(
            2,
            method="GET",
            url=("https", "crm.example.com", 443, "/find?q=a%20b&q=c&empty="),
            headers=((b"Cookie", b"s=1; t=2"), (b"X-Twice", b"1"), (b"x-twice", b"2")),
            status=401,
            answer={"error": "Unauthorized"},
            attempt=2,
        ),
        exchange(
            3,
            b"\x00\xff",
            sse,
            response=ResponseHead(200, "OK", headers=((b"Content-Type", b"text/event-stream"),)),
            response_body=in_parts(sse, 22),
        ),
        exchange(4, {"q": 1}, response=None, end=End.UPSTREAM_REFUSED, error="connection refused"),
        exchange(
            5,
            method="GET",
            url=("wss", "api.openai.com", 443, "/v1/realtime"),
            headers=(),
            response=ResponseHead(101, "Switching Protocols", headers=()),
            response_body=Body(),
            frames=(
                Frame(1500, True, 1, b'{"type":"hi"}'),
                Frame(2500, False, 2, b"\x01\x02"),
                Frame(3500, False, 8, b"\x03\xe8"),
            ),
        ),
        exchange(6, {"q": 2}, b'{"cut":', end=End.UPSTREAM_RESET, error="reset by peer"),
    ]
    for call in calls:
        call.started_at = START + call.seq
    names = [
        "openai.chat",
        "crm.find",
        "POST upload",
        "openai.chat",
        "openai.realtime",
        "openai.chat",
    ]
    kinds = ["llm_call", "tool_call", "http", "llm_call", "llm_call", "llm_call"]
    events = [
        Event(
            "r1",
            kind,
            name,
            call.started_at,
            call.started_at + 1,
            "ok" if call.ok else "error",
            {
                "exchangeId": call.id,
                "step": name,
                "call": {"model": "gpt-5"} if number == 0 else {},
            },
            number + 1,
        )
        for number, (kind, name, call) in enumerate(zip(kinds, names, calls, strict=True))
    ]
    run = Run("r1", f"Support {EVIL}", "corr-1", START, START + 8.25, "Failed", "Tool Error")
    run.metadata = {"team": "support", "tries": 2, EVIL: EVIL}
    rules = Outcome("r1", run.label, "Failed", "Tool Error", "CRM 401", True, None, START + 8)
    caller = Outcome(
        "r1", run.label, "Failed", "Bad Output", EVIL, None, "No reply", START + 8.5, "caller"
    )
    return Snapshot(run, calls, events, [rules, caller])
