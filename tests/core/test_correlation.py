"""Which run a request belongs to: who speaks, who is heard first, and what goes on upstream."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.correlation import (
    SESSION_HEADERS,
    WITNESSES,
    Identity,
    Peer,
    forwarded,
    identify,
    is_ours,
    read_own,
    run_id_for,
)
from proxy.core.model import NO_OWN, Headers, Own, RequestHead

_TRACE = "0af7651916cd43dd8448eb211c80319c"
_PARENT = f"00-{_TRACE}-b7ad6b7169203331-01".encode()
_NOBODY = Identity("process", "127.0.0.1:50000", None)
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]*")


def head(*headers: tuple[bytes, bytes]) -> RequestHead:
    return RequestHead("POST", "https", "api.example", 443, "/v1", headers=headers)


def asked(
    *headers: tuple[bytes, bytes],
    own: Own = NO_OWN,
    run: str | None = None,
    user: str | None = None,
    order: tuple[str, ...] = tuple(WITNESSES),
) -> Identity:
    return identify(head(*headers), own, Peer("127.0.0.1:50000", run, user), order)


# What agents and gateways send by themselves; the second of a pair is less specific.
SESSIONS: dict[bytes, bytes] = {
    b"X-Claude-Code-Session-Id": b"0c5b-claude",
    b"session-id": b"019a-codex",
    b"session_id": b"019b-codex",
    b"thread-id": b"019c-codex",
    b"conversation_id": b"019d-codex",
    b"X-Parent-Session-Id": b"ses_parent",
    b"x-opencode-session": b"ses_zen",
    b"x-session-affinity": b"ses_affinity",
    b"X-Session-Id": b"ses_plain",
    b"Helicone-Session-Id": b"helicone",
    b"x-litellm-session-id": b"litellm-session",
    b"x-litellm-trace-id": b"litellm-trace",
    b"x-portkey-trace-id": b"portkey",
    b"X-LangSmith-Trace-Id": b"langsmith",
    b"langsmith-trace": b"20260101T000000000000Z5d3c",
}


def test_every_session_header_is_known() -> None:
    assert [name.lower() for name in SESSIONS] == [*SESSION_HEADERS]


@pytest.mark.parametrize(("name", "value"), SESSIONS.items())
def test_session_headers(name: bytes, value: bytes) -> None:
    said = asked((b"Accept", b"*/*"), (name, value))
    assert said == Identity(
        "session-header", value.decode(), run_id_for("session-header", value.decode())
    )
    assert asked((name.upper(), b" " + value)) == said
    assert asked((name, b" ")) == asked((name, b"")) == _NOBODY


def test_the_more_specific_session_header_is_heard() -> None:
    headers = [*SESSIONS.items()]
    while headers:
        assert asked(*reversed(headers)).correlation_id == headers.pop(0)[1].decode()


def test_a_sub_agent_is_in_its_parents_run() -> None:
    parent = asked((b"x-session-affinity", b"ses_1"), (b"X-Session-Id", b"ses_1"))
    child = asked(
        (b"x-session-affinity", b"ses_2"),
        (b"X-Session-Id", b"ses_2"),
        (b"x-parent-session-id", b"ses_1"),
    )
    assert child == parent


def test_calls_of_one_langsmith_trace_are_in_one_run() -> None:
    """Its value is a path from the trace down to the call, and so another one for each call."""
    root = b"20260101T000000000000Z5d3c"
    calls = [root, root + b".20260101T000001000000Zaa", root + b".20260101T000002000000Zbb.x"]
    assert len({asked((b"langsmith-trace", call)) for call in calls}) == 1
    assert asked((b"langsmith-trace", b"20260101T000009000000Z5d3d")) != asked(
        (b"langsmith-trace", root)
    )
    assert asked((b"session-id", b"a.b")).correlation_id == "a.b"


@pytest.mark.parametrize(
    ("headers", "peer", "witness", "said"),
    [
        ((), {}, "process", "127.0.0.1:50000"),
        ((), {"own": Own(run="r1")}, "dashcam-run", "r1"),
        (((b"X-Correlation-ID", b"c1"),), {}, "correlation-header", "c1"),
        (((b"x-run-id", b"c2"),), {}, "correlation-header", "c2"),
        (
            ((b"X-Run-Id", b"c2"), (b"X-Correlation-Id", b"c1")),
            {},
            "correlation-header",
            "c1",
        ),
        (
            ((b"X-Correlation-Id", b" "), (b"X-Run-Id", b"c2")),
            {},
            "correlation-header",
            "c2",
        ),
        ((), {"run": "r2"}, "listener", "r2"),
        ((), {"user": "r3"}, "proxy-user", "r3"),
        ((), {"user": "", "run": "", "own": Own(run="")}, "process", "127.0.0.1:50000"),
        (((b"Baggage", b"run.id=r4"),), {}, "baggage", "r4"),
        (((b"baggage", b"session.id=s1,run.id=r4"),), {}, "baggage", "r4"),
        (((b"baggage", b"a=b;p=1 , session.id = s%201 ;p;q=2"),), {}, "baggage", "s 1"),
        (((b"baggage", b"a=b"), (b"BAGGAGE", b"session.id=s2")), {}, "baggage", "s2"),
        (((b"baggage", b"run.id=,session.id=s3"),), {}, "baggage", "s3"),
        (((b"baggage", b"run.id=caf\xc3\xa9\xff"),), {}, "baggage", "caf\u00e9\ufffd"),
        (((b"baggage", b"run.id;a, ,=,run,id=b"),), {}, "process", "127.0.0.1:50000"),
        (((b"traceparent", _PARENT),), {}, "traceparent", _TRACE),
        (
            ((b"traceparent", _PARENT.replace(b"00-", b"cc-", 1) + b"-x"),),
            {},
            "traceparent",
            _TRACE,
        ),
        (((b"x-session-id", b"caf\xc3\xa9 \xff"),), {}, "session-header", "caf\u00e9 \ufffd"),
    ],
)
def test_witnesses(headers: Headers, peer: dict[str, Any], witness: str, said: str) -> None:
    found = asked(*headers, **peer)
    assert (found.witness, found.correlation_id) == (witness, said)
    assert found.run_id == (None if witness == "process" else run_id_for(witness, said))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        _PARENT[:-1],
        _PARENT + b"x",
        _PARENT.upper(),
        b"ff" + _PARENT[2:],
        f"00-{'0' * 32}-b7ad6b7169203331-01".encode(),
        f"00-{_TRACE}-{'0' * 16}-01".encode(),
        b" " + _PARENT,
    ],
)
def test_trace_parents_that_are_none(value: bytes) -> None:
    assert asked((b"traceparent", value)) == _NOBODY


def test_the_order_of_the_witnesses() -> None:
    """Each is heard when those before it are silent."""
    assert [*WITNESSES] == [
        "dashcam-run",
        "correlation-header",
        "listener",
        "proxy-user",
        "session-header",
        "baggage",
        "traceparent",
    ]
    headers = (
        (b"traceparent", _PARENT),
        (b"baggage", b"run.id=b"),
        (b"session-id", b"s"),
        (b"x-run-id", b"c"),
    )
    order = list(WITNESSES)
    while order:
        found = asked(*headers, own=Own(run="o"), run="l", user="u", order=tuple(order))
        assert found.witness == order.pop(0)
    assert asked(*headers, own=Own(run="o"), order=()) == _NOBODY
    turned = tuple(reversed([*WITNESSES]))
    assert asked(*headers, own=Own(run="o"), order=turned).witness == "traceparent"


# Run ids.


@pytest.mark.parametrize("witness", ["dashcam-run", "listener", "proxy-user"])
@pytest.mark.parametrize("said", ["r", "run_1", "2026-01-01T00:00:00+01:00", "a@b.c", "x" * 128])
def test_who_names_a_run_is_taken_at_their_word(witness: str, said: str) -> None:
    assert run_id_for(witness, said) == said


@pytest.mark.parametrize(
    ("witness", "said", "run_id"),
    [
        ("dashcam-run", "../etc/passwd", "run_70d023d12e59caf2eb1178a0"),
        ("dashcam-run", "caf\u00e9", "run_8925cbc9a43f8e0985e41a75"),
        ("session-header", "r1", "run_086c7898fd59d40f12efd985"),
        ("traceparent", "r1", "run_eace8e457af6944521efdad4"),
    ],
)
def test_run_ids_stay_what_they_are(witness: str, said: str, run_id: str) -> None:
    """SHA-256 of kind, NUL, word. Stores are full of them: another way would tear runs in two."""
    assert run_id_for(witness, said) == run_id


@pytest.mark.parametrize("said", ["", "-a", ".a", "a/b", "a b", "a\n", "x" * 129, "\u0661"])
def test_what_cannot_be_an_id_is_one_for_every_way_it_came(said: str) -> None:
    found = {run_id_for(name, said) for name in ("dashcam-run", "listener", "proxy-user")}
    assert len(found) == 1
    assert found != {said}


@given(st.sampled_from([*WITNESSES]), st.text(), st.text())
@settings(max_examples=50, deadline=None)
def test_run_ids_are_safe_and_told_apart(witness: str, one: str, other: str) -> None:
    run_id = run_id_for(witness, one)
    assert _SAFE.fullmatch(run_id)
    assert len(run_id) <= 128
    assert (run_id_for(witness, other) == run_id) == (one == other)


def test_witnesses_of_other_kinds_do_not_meet() -> None:
    derived = [name for name in WITNESSES if run_id_for(name, "a") != "a"]
    assert len({run_id_for(name, "a") for name in derived}) == len(derived) == 4


def test_bytes_that_are_no_text_in_a_user_name() -> None:
    assert run_id_for("proxy-user", "a\udcff") != run_id_for("proxy-user", "a\udcfe")


# Our own headers.


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ((), NO_OWN),
        (((b"X-Dashcam-Run", b"r"), (b"Dashcam", b"r")), NO_OWN),
        (((b"Dashcam-Run", b"r1"),), Own(run="r1")),
        (((b"dashcam-run", b"r1"), (b"DASHCAM-LABEL", b"l")), Own(run="r1", label="l")),
        (((b"Dashcam-Group", b"plan/retrieve"),), Own(group="plan/retrieve")),
        (((b"Dashcam-Step", b"s"), (b"Dashcam-Parent", b"p")), Own(step="s", parent="p")),
        (((b"Dashcam-Replay", b"last"),), Own(replay="last")),
        (((b"Dashcam-Label", b"caf%C3%A9%20%E2%82%AC 100%"),), Own(label="caf\u00e9 \u20ac 100%")),
        (((b"Dashcam-Label", b"caf\xc3\xa9"),), Own(label="caf\u00e9")),
        (((b"Dashcam-Label", b"\xff%ff"),), Own(label="\ufffd\ufffd")),
        (((b"Dashcam-Label", b" "), (b"Dashcam-Run", b"")), Own()),
        (((b"Dashcam-Run", b"a"), (b"Dashcam-Run", b"b")), Own(run="b")),
        (((b"Dashcam-Colour", b"red"), (b"Dashcam-\xff", b"x")), Own()),
    ],
)
def test_own_headers(headers: Headers, own: Own) -> None:
    assert read_own((*headers, (b"Accept", b"*/*"))) == own


@pytest.mark.parametrize(
    ("value", "meta"),
    [
        (b"", {}),
        (b"{}", {}),
        (b'{"a": 1, "b": {"c": [true, null]}}', {"a": 1, "b": {"c": [True, None]}}),
        ('{"a": "caf\u00e9"}'.encode(), {"a": "caf\u00e9"}),
        (b'{"a": "100%25"}', {"a": "100%25"}),
        (b"[1]", {"meta": [1]}),
        (b'"x"', {"meta": "x"}),
        (b"7", {"meta": 7}),
        (b"null", {"meta": None}),
        (b"customer=7", {"meta": "customer=7"}),
        (b'{"a": 1', {"meta": '{"a": 1'}),
        (b"{'a': 1}", {"meta": "{'a': 1}"}),
        (b"\xff", {"meta": "\ufffd"}),
        (b'{"a": "\xff"}', {"a": "\ufffd"}),
        (b'{"a": NaN}', {"a": None}),
        (b'{"a": "\\ud800"}', {"a": "\ufffd"}),
        (b"[" * 5000, {"meta": "[" * 5000}),
        (b"[" * 300 + b"]" * 300, {"meta": "[" * 300 + "]" * 300}),
    ],
)
def test_meta_is_an_object_whatever_was_sent(value: bytes, meta: dict[str, Any]) -> None:
    """And one that can be stored: no NaN, no half characters, no depth without end."""
    assert read_own(((b"Dashcam-Meta", value),)).meta == meta


# What goes on.


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        (b"Dashcam-Run", True),
        (b"DASHCAM-anything", True),
        (b"Proxy-Authorization", True),
        (b"proxy-connection", True),
        (b"Authorization", False),
        (b"X-Dashcam-Run", False),
        (b"Dashcam", False),
        (b"Proxy-Authenticate", False),
        (b"X-Correlation-Id", False),
        (b"X-Run-Id", False),
    ],
)
def test_is_ours(name: bytes, ours: bool) -> None:
    assert is_ours(name) is ours


def test_everything_else_goes_on_as_it_came() -> None:
    others = (
        (b"Host", b"api.example"),
        (b"x-B", b" 2"),
        (b"X-Correlation-Id", b"c"),
        (b"x-b", b"1"),
        (b"Authorization", b"k"),
    )
    assert forwarded(others) is others
    mixed = (
        (b"Dashcam-Run", b"r"),
        *others[:2],
        (b"Proxy-Connection", b"keep-alive"),
        *others[2:],
        (b"dashcam-meta", b"{}"),
        (b"PROXY-AUTHORIZATION", b"Basic eA=="),
    )
    assert forwarded(mixed) == others


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"A", b"a", b"Dashcam-Run", b"dashcam-x", b"proxy-connection"]),
            st.binary(max_size=4),
        )
    ).map(tuple)
)
@settings(max_examples=50, deadline=None)
def test_the_order_of_what_goes_on(headers: Headers) -> None:
    kept = forwarded(headers)
    assert kept == tuple(pair for pair in headers if pair[0] in (b"A", b"a"))
