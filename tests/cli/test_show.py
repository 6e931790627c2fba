import json
from pathlib import Path

import pytest

from proxy.cli._text import clean
from proxy.core.model import Body, End
from proxy.core.recording import dump
from tests.cli.conftest import Dashcam, Fill
from tests.cli.samples import EVIL, exchange, socket_call, support_run


@pytest.fixture
def stored(fill: Fill) -> None:
    fill(support_run())


@pytest.fixture(params=["run_a", "run_", "last", "a.dashcam.jsonl"])
def ref(request: pytest.FixtureRequest, stored: None) -> str:
    name = str(request.param)
    if name.endswith(".jsonl"):
        Path(name).write_bytes(b"".join(dump(support_run())))
    return name


def test_the_header_and_the_timeline(dashcam: Dashcam, ref: str) -> None:
    done = dashcam("show", ref)
    assert (done.code, done.err) == (0, "")
    head, _, tree = done.out.partition("\n\n")
    assert head.splitlines() == [
        "run          run_a  SupportAgent",
        "correlation  ticket-18422",
        "started      2026-02-12 09:41:22  took 8.00 s",
        "calls        6 calls, 2 with an error, 1 retry",
        "used         120 → 30 tokens",
        "outcome      Failed · Tool Error · CRM 401: token expired · retryable · No reply sent",
        'command      ["sh", "-c"]',
        "ticketId     18422",
    ]
    shown = [line.split("  ")[0] for line in tree.splitlines()]
    assert shown == [
        "step",
        "plan",
        "├─ #1 openai.chat",
        "└─ #2 kb.search",
        "act",
        "├─ #3 crm.find",
        "│",
        "├─ #4 crm.find",
        "├─ #5 GET crm.local/customers/{id}",
        "│",
        "└─ #6 openai.chat",
    ]
    assert "\x1b" not in done.out


def test_json_has_everything(dashcam: Dashcam, ref: str) -> None:
    found = json.loads(dashcam("show", ref, "--json").out)
    assert found["id"] == "run_a"
    assert found["verdict"]["reason"] == "CRM 401: token expired"
    assert [event["name"] for event in found["events"] if event["kind"] == "group"] == [
        "plan",
        "act",
    ]
    call = next(event for event in found["events"] if event["data"].get("seq") == 4)
    assert call["data"]["backoffMs"] == 512
    assert call["startedAt"] == "2026-02-12T09:41:26.000Z"


def test_a_call_in_full(dashcam: Dashcam, ref: str) -> None:
    done = dashcam("show", ref, "--call", "5")
    assert done.code == 0
    assert done.out.splitlines() == [
        "call #5  GET crm.local/customers/{id}  https://api.local/v1/chat?x=1",
        "ex_run_a_5  started 09:41:27.000  took 812 ms  first byte after 311 ms",
        "",
        "── request " + "─" * 40,
        "POST /v1/chat?x=1 HTTP/1.1",
        "Host: api.local",
        "Content-Type: application/json",
        "",
        "{",
        '  "q": "é",',
        '  "n": [',
        "    1,",
        "    2",
        "  ]",
        "}",
        "",
        "── response " + "─" * 39,
        "HTTP/1.1 401 Unauthorized",
        "",
        "{",
        f'  "error": "{EVIL}"'.replace("\x1b", "\\u001b")
        .replace("\x07", "\\u0007")
        .replace("\u202e", "\\u202e"),
        "}",
    ]


def test_an_attempt_says_after_what(dashcam: Dashcam, ref: str) -> None:
    second = dashcam("show", ref, "--call", "4").out.splitlines()[1]
    assert second.endswith("attempt 2 after 503 Service Unavailable, waited 512 ms")


def test_a_stream_is_listed_with_its_times(dashcam: Dashcam, ref: str) -> None:
    out = dashcam("show", ref, "--call", "6").out
    assert "   100 ms  delta  {" in out
    assert "   250 ms  [DONE]" in out


def test_a_call_as_json(dashcam: Dashcam, ref: str) -> None:
    found = json.loads(dashcam("show", ref, "--call", "1", "--json").out)
    assert found["request"]["headers"][0] == ["Host", "api.local"]
    assert found["request"]["body"]["parts"] == [[0.01, 24]]
    assert found["response"]["body"]["text"] == '{"ok":true}'
    assert found["latencyMs"] == 812


@pytest.mark.parametrize(
    ("part", "data"),
    [
        ((), None),
        (("--part", "request"), b'{"q":"\\u00e9","n":[1,2]}'),
        (("--part", "response"), b"\x00\xff\r\n"),
    ],
)
def test_raw_gives_the_bytes(
    fill: Fill, capfdbinary: pytest.CaptureFixture[bytes], part: tuple[str, ...], data: bytes | None
) -> None:
    from proxy.cli import execute

    made = support_run()
    made.exchanges[0].response_body = Body(b"\x00\xff\r\n")
    fill(made)
    capfdbinary.readouterr()
    assert execute(["show", "last", "--call", "1", "--raw", *part]) == 0
    both = (
        b"POST /v1/chat?x=1 HTTP/1.1\r\nHost: api.local\r\nContent-Type: application/json\r\n\r\n"
        b'{"q":"\\u00e9","n":[1,2]}\r\n'
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n\x00\xff\r\n"
    )
    assert capfdbinary.readouterr().out == (both if data is None else data)


def test_what_came_instead_of_an_answer(dashcam: Dashcam, fill: Fill) -> None:
    made = support_run()
    made.exchanges[0] = exchange(
        1,
        response=None,
        response_body=Body(),
        end=End.UPSTREAM_REFUSED,
        error="connection refused",
        notes=("body dropped: redaction failed",),
    )
    fill(made)
    lines = dashcam("show", "last", "--call", "1").out.splitlines()
    assert lines[2:4] == [
        "ended: upstream refused: connection refused",
        "note: body dropped: redaction failed",
    ]
    assert lines[-1] == "none came"


def test_what_a_replay_served_says_from_where(dashcam: Dashcam, fill: Fill) -> None:
    made = support_run()
    made.exchanges[0] = exchange(1, served_from="ex_old", first_byte_us=None)
    fill(made)
    second = dashcam("show", "last", "--call", "1").out.splitlines()[1]
    assert second.endswith("took 812 ms  replayed from ex_old")


def test_raw_without_an_answer_is_the_request(
    fill: Fill, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    from proxy.cli import execute

    made = support_run()
    made.exchanges[0] = exchange(1, response=None, response_body=Body(), end=End.UPSTREAM_RESET)
    fill(made)
    capfdbinary.readouterr()
    assert execute(["show", "last", "--call", "1", "--raw"]) == 0
    assert capfdbinary.readouterr().out.endswith(b'\r\n\r\n{"q":"\\u00e9","n":[1,2]}')


def test_websocket_messages(dashcam: Dashcam, fill: Fill) -> None:
    made = support_run()
    made.exchanges[0] = socket_call()
    fill(made)
    out = dashcam("show", "last", "--call", "1").out
    assert "client →  text  16 B" in out
    assert "1000 bye" in out


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("show", "run_zzz"), 1, "dashcam: no run 'run_zzz'"),
        (("show", "last", "--call", "9"), 1, "run run_a has no call 9\nit has 1 to 6"),
        (("show", "last", "--raw"), 2, "--raw and --part need --call N"),
        (("show", "last", "--call", "1", "--part", "request"), 2, "--part needs --raw"),
        (("show", "none.dashcam.jsonl"), 1, "none.dashcam.jsonl"),
    ],
)
@pytest.mark.usefixtures("stored")
def test_what_cannot_be_shown(
    dashcam: Dashcam, args: tuple[str, ...], code: int, said: str
) -> None:
    done = dashcam(*args)
    assert done.code == code
    assert said in done.err
    assert done.out == ""


def test_no_store(dashcam: Dashcam) -> None:
    done = dashcam("show", "last")
    assert done.code == 1
    assert done.err == (
        "dashcam: no recordings yet at recordings/dashcam.db\nrecord with `dashcam run -- CMD`\n"
    )


def test_hostile_names_steer_nothing(dashcam: Dashcam, fill: Fill) -> None:
    made = support_run(label=EVIL)
    made.run.metadata = {EVIL: EVIL}
    made.events[1].name = EVIL
    fill(made)
    for args in (("show", "last"), ("show", "last", "--call", "1"), ("runs",), ("explain", "last")):
        out = dashcam(*args).out
        assert not {"\x1b", "\x07", "\u202e"} & set(out)
        assert clean(EVIL) in out
