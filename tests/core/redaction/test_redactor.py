"""Whole exchanges: nothing of a secret is left, nothing else is touched."""

import base64
import gzip
import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from random import Random
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.core import encoding
from proxy.core.model import Body, Frame, Headers, Own, Part, RequestHead, header
from proxy.core.redaction.redactor import Redactor
from proxy.core.redaction.rules import Pattern, Rules
from tests.core.redaction.lookalikes import LOOKALIKES, exchanges
from tests.core.redaction.matrix import (
    HEAD,
    JSON,
    PLACES,
    SAMPLES,
    SHAPELESS,
    SIZE,
    UNPLACED,
    exchange,
    traces,
    unplaced,
)

KEY = bytes(range(32))
SECRET = "sk-proj-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0"
TOKEN = re.compile(rb"SECRET-[a-z0-9]{1,16}-[0-9a-f]{12}")
SSE: Headers = ((b"content-type", b"text/event-stream"),)
quick = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def fresh(rules: Rules | None = None) -> Redactor:
    return Redactor(KEY, rules)


# --- nothing is left -------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*SAMPLES, *SHAPELESS])
def test_no_secret_is_left(name: str) -> None:
    for place, plant in PLACES.items():
        random = Random(f"{name} {place}")  # noqa: S311 - the same samples every time
        for _ in range(SIZE):
            secret = {**SAMPLES, **SHAPELESS}[name](random)
            if place in ("auth header", "custom header", "error page"):
                secret = secret.replace("\n", " ")
            planted = plant(secret)
            assert traces(planted, secret), f"the test plants nothing in the {place}"
            done = fresh().exchange(planted)
            assert traces(done, secret) == [], place
            for body in (done.request_body, done.response_body):
                assert sum(part.size for part in body.parts) == len(body.data), place
            assert fresh().exchange(done) == done, place


@pytest.mark.parametrize("name", SAMPLES)
def test_a_shape_is_enough(name: str) -> None:
    secret = SAMPLES[name](Random(name))  # noqa: S311 - the same samples every time
    for place in UNPLACED:
        planted = unplaced(place, secret)
        assert traces(planted, secret), f"the test plants nothing in the {place}"
        assert traces(fresh().exchange(planted), secret) == [], place


@pytest.mark.parametrize("name", LOOKALIKES)
def test_lookalikes_stay(name: str) -> None:
    random = Random(name)  # noqa: S311 - the same samples every time
    redact = fresh()
    for _ in range(20 * SIZE):
        for benign in exchanges(LOOKALIKES[name](random)):
            assert redact.exchange(benign) == benign


@pytest.mark.parametrize("form", ["plain", "base64", "url", "hex", "json"])
def test_a_learned_value_is_found_again_later(form: str) -> None:
    value = 'q9"Zk/4 w+T7=pLm'
    written: dict[str, Callable[[str], str]] = {
        "plain": str,
        "base64": lambda text: base64.b64encode(b"id:" + text.encode()).decode(),
        "url": lambda text: quote(text, safe=""),
        "hex": lambda text: text.encode().hex(),
        "json": lambda text: json.dumps(text)[1:-1],
    }
    redact = fresh()
    redact.exchange(exchange(headers=((b"x-api-key", value.encode()),)))
    later = exchange(answer=f"see {written[form](value)} there".encode())
    done = redact.exchange(later)
    assert traces(done, value) == []
    assert done.response_body.data.startswith(b"see ")


def test_what_was_clean_is_searched_again_once_something_is_learned() -> None:
    value, redact = "q9ZkB4wT7pLmX2", fresh()
    text = f'{{"said":"see {value} there"}}'.encode()
    seen = exchange(body=text, answer=text)
    for _ in range(2):  # known to be clean, the second time
        assert redact.exchange(seen).response_body.data == text
        assert redact.request(HEAD, text) == (HEAD, text)
    redact.exchange(exchange(headers=((b"x-api-key", value.encode()),)))
    assert traces(redact.exchange(seen), value) == []
    assert value.encode() not in redact.request(HEAD, text)[1]


def test_what_comes_again_is_not_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    redact, seen = fresh(), exchange(body=b'{"said":"hello"}', answer=b'{"said":"good day"}')
    once = redact.exchange(seen), redact.request(HEAD, b'{"said":"hello"}')

    def search(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("proxy.core.redaction.bodies.Bodies.open", search)
    assert (redact.exchange(seen), redact.request(HEAD, b'{"said":"hello"}')) == once


def test_basic_credentials_teach_their_password() -> None:
    done = fresh().exchange(
        exchange(
            headers=((b"authorization", b"Basic dXNlcjpodW50ZXIyMmJpcmRz"),),
            answer=b"user has password hunter22birds",
        )
    )
    assert done.request.headers[0][1].startswith(b"Basic SECRET-")
    assert b"hunter22birds" not in done.response_body.data


NAMELESS = "S5fpsxyFkHSaV82EhbDO"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (b"cookie", b"%b"),
        (b"cookie", b"; %b ; "),
        (b"cookie2", b"%b"),
        (b"set-cookie", b"%b; Secure; HttpOnly"),
    ],
)
def test_a_cookie_without_a_name_is_all_value(name: bytes, line: bytes) -> None:
    done = fresh().exchange(exchange(headers=((name, line % NAMELESS.encode()),)))
    before, _, after = line.partition(b"%b")
    new = done.request.headers[0][1]
    assert new.startswith(before + b"SECRET-")
    assert new.endswith(after)
    assert NAMELESS.encode() not in new


def test_an_argument_after_its_flag_in_a_list() -> None:
    command = ["agent", "--api-key", NAMELESS, "--password", "--verbose", "--token", "$TOKEN", "x"]
    _, _, hidden, *rest = fresh().json({"command": command})["command"]
    assert hidden.startswith("SECRET-")
    assert rest == command[3:]


def test_a_key_among_websocket_protocols() -> None:
    """It goes from the offer and from its echo, and is found again in a message."""
    offer = ((b"Sec-WebSocket-Protocol", b"realtime, openai-insecure-api-key.Zq81Xw72Mn"),)
    done = fresh().exchange(
        exchange(
            headers=offer,
            answer=b"",
            answer_headers=((b"sec-websocket-protocol", b"openai-insecure-api-key.Zq81Xw72Mn"),),
            frames=(Frame(1, False, 1, b'{"message": "bad key Zq81Xw72Mn"}'),),
        )
    )
    assert done.request.headers[0][1].startswith(b"realtime, openai-insecure-api-key.SECRET-")
    assert done.response is not None
    assert done.response.headers[0][1].startswith(b"openai-insecure-api-key.SECRET-")
    assert b"Zq81Xw72Mn" not in done.frames[0].data


# --- nothing else is touched -----------------------------------------------------------------


def test_a_clean_exchange_comes_back_equal() -> None:
    clean = exchange(
        RequestHead("GET", "https", "h", 443, "/a?page=2&q=a%20b"),
        b'{"a": [1, 2.50, "x\\u00e9\\/"]}',
        headers=((b"X-Mixed", b" spaced "), *JSON),
        answer=b"\xff\xfe not utf-8 \x00",
        frames=(Frame(1, True, 1, b"hello"), Frame(2, False, 8, b"\x03\xe8bye")),
        cut=3,
    )
    assert fresh().exchange(clean) == clean


def test_clean_encoded_bodies_keep_their_bytes() -> None:
    data = gzip.compress(b'{"a": 1}', compresslevel=1)
    clean = exchange(answer=data, answer_headers=(*JSON, (b"content-encoding", b"gzip")))
    assert fresh().exchange(clean).response_body.data is data


json_texts = st.text(max_size=30) | st.sampled_from(
    [
        SECRET,
        f"see {SECRET}.",
        '{"password": "hunter22!"}',
        "a\\b/c",
        "é\u2028😀",
        "sk-",
        "Bearer x",
    ]
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | json_texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "password", "token", "delta", "index", "Authorization", "key"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@quick
@given(documents, st.booleans(), st.integers(1, 40))
def test_only_the_secret_spans_change(document: object, ascii_only: bool, cut: int) -> None:
    data = json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    redact = fresh()
    done = redact.exchange(exchange(body=data, headers=JSON, cut=cut))
    new = done.request_body.data
    at = 0
    for piece in TOKEN.split(new):
        at = data.index(piece, at) + len(piece)  # raises when a byte was changed
    assert new.startswith(data[:1])
    json.loads(new)
    assert sum(part.size for part in done.request_body.parts) == len(new)
    assert redact.exchange(done) == done
    assert SECRET.encode() not in new


@quick
@given(st.lists(json_texts, min_size=1, max_size=6), st.data())
def test_any_split_of_a_stream_gives_the_same_text(texts: list[str], draw: st.DataObject) -> None:
    stream = "".join(f"data: {json.dumps({'delta': text})}\n\n" for text in texts).encode()
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    sizes = [after - before for before, after in pairwise([0, *cuts, len(stream)])]
    parts = tuple(Part(at, size) for at, size in enumerate(sizes) if size)
    base = exchange(answer=stream, answer_headers=SSE)
    split = replace(base, response_body=Body(stream, parts))
    one, other = fresh().exchange(base), fresh().exchange(split)
    assert one.response_body.data == other.response_body.data
    assert sum(part.size for part in other.response_body.parts) == len(other.response_body.data)
    assert SECRET.encode() not in one.response_body.data


@quick
@given(st.binary(max_size=400), st.sampled_from([b"", *(value for _, value in (*JSON, *SSE))]))
def test_no_bytes_break_it(data: bytes, media: bytes) -> None:
    headers = ((b"content-type", media),)
    done = fresh().exchange(exchange(body=data, headers=headers, answer=data, cut=9))
    assert fresh().exchange(done) == done
    assert done.notes == ()


# --- the parts of an exchange ----------------------------------------------------------------


def test_a_secret_over_chunks_goes_to_the_chunk_where_it_began() -> None:
    data = b'{"key_note": "' + SECRET.encode() + b'", "more": 1}'
    cuts = (0, 20, 25, 40, len(data))
    parts = tuple(Part(at, b - a) for at, (a, b) in enumerate(pairwise(cuts)))
    planted = replace(exchange(headers=JSON), request_body=Body(data, parts))
    body = fresh().exchange(planted).request_body
    token = TOKEN.search(body.data)
    assert token is not None
    assert body.data == b'{"key_note": "' + token[0] + b'", "more": 1}'
    # The chunk of which nothing is left is gone; the last one has the rest.
    assert [(part.at_us, part.size) for part in body.parts] == [
        (0, 14 + len(token[0])),
        (3, len(b'", "more": 1}')),
    ]


def test_an_encoded_body_is_encoded_anew_and_its_length_set() -> None:
    text = json.dumps({"note": SECRET, "pad": "x" * 500}).encode()
    for coding in ("gzip", "br", "zstd", "deflate", "gzip, br"):
        data = encoding.encode(text, coding)
        planted = exchange(
            answer=data,
            answer_headers=(
                *JSON,
                (b"Content-Encoding", coding.encode()),
                (b"Content-Length", str(len(data)).encode()),
            ),
            cut=20,
        )
        done = fresh().exchange(planted)
        assert done.response is not None
        new = done.response_body.data
        said = encoding.decode(new, coding)
        assert said.complete
        assert TOKEN.sub(SECRET.encode(), said.data) == text
        assert header(done.response.headers, b"content-length") == str(len(new)).encode()
        assert sum(part.size for part in done.response_body.parts) == len(new)
        assert "response body encoded anew after redaction" in done.notes
        assert fresh().exchange(done) == done


def test_a_cut_off_encoded_body_is_redacted_as_far_as_it_goes() -> None:
    text = json.dumps({"note": SECRET, "pad": [number * number for number in range(3000)]}).encode()
    data = gzip.compress(text)[:-40]
    done = fresh().exchange(
        exchange(answer=data, answer_headers=(*JSON, (b"content-encoding", b"gzip")))
    )
    assert SECRET.encode() not in gzip.decompress(done.response_body.data)
    assert "it was damaged: gzip is cut off" in done.notes[0]


def test_plain_text_under_a_wrong_coding_is_searched() -> None:
    done = fresh().exchange(
        exchange(answer=SECRET.encode(), answer_headers=((b"content-encoding", b"gzip"),))
    )
    assert TOKEN.fullmatch(done.response_body.data)


def test_urls_keep_everything_but_the_secret() -> None:
    head = RequestHead(
        "GET", "https", "h", 443, "/v1/x%2Fy?key=AIzaSyA1234567890bcdefghijk&alt=sse"
    )
    target = fresh().exchange(exchange(head)).request.target
    assert re.fullmatch(r"/v1/x%2Fy\?key=SECRET-credential-[0-9a-f]{12}&alt=sse", target)


def test_absolute_targets_lose_their_password() -> None:
    head = RequestHead("GET", "http", "h", 80, "http://me:s3cret@h/x")
    target = fresh().exchange(exchange(head)).request.target
    assert re.fullmatch(r"http://me:SECRET-credential-[0-9a-f]{12}@h/x", target)


def test_trailers_errors_notes_and_own_fields() -> None:
    planted = replace(
        exchange(),
        request_body=Body(b"x", (Part(0, 1),), ((b"x-auth-token", b"abcdef123456"),)),
        error=f"refused: {SECRET}",
        retry_reason=f"401 for {SECRET}",
        notes=(f"saw {SECRET}",),
        own=Own(label=SECRET, group=f"a/{SECRET}", meta={"password": "p", "n": [1, SECRET]}),
    )
    done = fresh().exchange(planted)
    assert SECRET not in repr(done)
    assert b"abcdef123456" not in done.request_body.trailers[0][1]
    assert done.own.meta["password"].startswith("SECRET-credential-")
    assert done.own.meta["n"][0] == 1
    assert done.own.run == planted.own.run


def test_close_frames_keep_their_code() -> None:
    frames = (Frame(1, False, 8, b"\x03\xf0bad key " + SECRET.encode()),)
    (frame,) = fresh().exchange(exchange(frames=frames)).frames
    assert frame.data.startswith(b"\x03\xf0bad key SECRET-openai-")


def test_a_key_split_over_frames_is_gone_from_each() -> None:
    pieces = [SECRET[:9], SECRET[9:20], SECRET[20:]]
    frames = tuple(
        Frame(at, False, 1, json.dumps({"delta": piece}).encode())
        for at, piece in enumerate(pieces)
    )
    done = fresh().exchange(exchange(frames=frames)).frames
    texts = [json.loads(frame.data)["delta"] for frame in done]
    assert TOKEN.fullmatch(texts[0].encode())
    assert texts[1:] == ["", ""]


# --- live requests, texts, values --------------------------------------------------------------


def test_a_live_request_matches_its_recording() -> None:
    body = json.dumps({"api_key": "q1w2e3r4t5", "note": SECRET}).encode()
    head = replace(
        HEAD,
        target="/v1/x?key=abc123def456",
        headers=(
            (b"Authorization", b"Bearer " + SECRET.encode()),
            (b"Content-Length", str(len(body)).encode()),
            *JSON,
        ),
    )
    recorded = fresh().exchange(exchange(head, body))
    live_head, live_body = fresh().request(head, body)
    assert live_head == recorded.request
    assert live_body == recorded.request_body.data
    assert SECRET.encode() not in live_body


def test_another_store_has_other_pseudonyms() -> None:
    planted = exchange(body=SECRET.encode())
    one, other = (Redactor(bytes([n] * 32)).exchange(planted) for n in (1, 2))
    assert one.request_body.data != other.request_body.data
    assert TOKEN.fullmatch(one.request_body.data)


def test_one_secret_has_one_pseudonym_wherever_it_is() -> None:
    done = fresh().exchange(
        exchange(
            RequestHead("GET", "https", "h", 443, f"/?api_key={SECRET}"),
            json.dumps({"deep": json.dumps({"api_key": SECRET})}).encode(),
            headers=((b"authorization", b"Bearer " + SECRET.encode()),),
            answer=f"data: {json.dumps({'delta': SECRET})}\n\n".encode(),
            answer_headers=SSE,
        )
    )
    assert len(set(TOKEN.findall(repr(done).encode()))) == 1


def test_logs() -> None:
    redact = fresh()
    redact.exchange(exchange(headers=((b"x-api-key", b"plainly-named-77"),)))
    line = redact.text(f"GET /x?api_key=abcd&a=1 with {SECRET} and plainly-named-77 é \udc80")
    assert SECRET not in line
    assert "plainly-named-77" not in line
    assert re.match(r"GET /x\?api_key=SECRET-credential-\w{12}&a=1 with SECRET-openai-", line)
    assert line.endswith(" é \udc80")
    assert redact.text("nothing here") == "nothing here"


def test_json_values() -> None:
    redact = fresh()
    value = {"a": ["x", 1, None, SECRET], "token": "Hello", "api_key": "abc", "deep": {"n": 2.5}}
    done = redact.json(value)
    assert done["a"][:3] == ["x", 1, None]
    assert done["token"] == "Hello"
    assert done["api_key"].startswith("SECRET-credential-")
    assert done["deep"] == {"n": 2.5}
    assert SECRET not in json.dumps(done)
    assert redact.json(done) == done


# --- the user's rules --------------------------------------------------------------------------


def test_own_patterns_headers_and_paths() -> None:
    rules = Rules(
        patterns=(Pattern("customer", r"CUST-(?P<secret>[0-9]{6})"),),
        headers=("X-Tenant",),
        json_paths=("$.user.ssn", "$..pin"),
    )
    body = json.dumps({"user": {"ssn": "1-2", "id": "CUST-123456"}, "list": [{"pin": 1234}]})
    planted = exchange(body=body.encode(), headers=((b"X-Tenant", b"acme"), *JSON))
    done = fresh(rules).exchange(planted)
    assert done.request.headers[0][1].startswith(b"SECRET-credential-")
    value = json.loads(done.request_body.data)
    assert value["user"]["ssn"].startswith("SECRET-credential-")
    assert re.fullmatch(r"CUST-SECRET-customer-[0-9a-f]{12}", value["user"]["id"])
    assert value["list"] == [{"pin": 0}]
    assert fresh(rules).exchange(done) == done


def test_own_rules_see_streams_joined() -> None:
    rules = Rules(patterns=(Pattern("customer", "CUST-[0-9]{6}"),), json_paths=("$.who",))
    records = [{"who": "Ann", "delta": "CUST-1"}, {"who": "Bob", "delta": "23456."}]
    stream = "".join(f"data: {json.dumps(one)}\n\n" for one in records).encode()
    done = fresh(rules).exchange(exchange(answer=stream, answer_headers=SSE))
    lines = done.response_body.data.split(b"\n\n")
    first, second = (json.loads(line[6:]) for line in lines[:2])
    assert TOKEN.fullmatch(first["delta"].encode())
    assert second["delta"] == "."
    assert b"Ann" not in done.response_body.data
    assert b"Bob" not in done.response_body.data


def test_allow_list_of_headers() -> None:
    rules = Rules(allow_headers=frozenset(("Accept",)))
    headers = ((b"accept", b"*/*"), (b"content-type", b"text/plain"), (b"x-any", b"17"))
    done = fresh(rules).exchange(exchange(headers=headers))
    values = dict(done.request.headers)
    assert values[b"accept"] == b"*/*"
    assert values[b"content-type"] == b"text/plain"
    assert TOKEN.fullmatch(values[b"x-any"])


def test_personal_data_is_off_until_asked_for() -> None:
    text = b'{"mail": "ann@example.com", "card": 4111111111111111, "c2": "4111 1111 1111 1111"}'
    planted = exchange(body=text, headers=JSON)
    assert fresh().exchange(planted) == planted
    done = json.loads(fresh(Rules(pii=("all",))).exchange(planted).request_body.data)
    assert done["mail"].startswith("SECRET-mail-")
    assert done["card"] == 0
    assert done["c2"].startswith("SECRET-card-")


def test_who_keeps_secrets_is_told_what_stands_for_what() -> None:
    kept: dict[bytes, bytes] = {}
    redact = Redactor(KEY, None, kept.__setitem__)
    secret = SAMPLES["openai-project"](Random(1))  # noqa: S311 - the same sample every time
    command = redact.json({"command": ["curl", "-H", f"Authorization: Bearer {secret}"]})
    done = redact.exchange(exchange(headers=((b"authorization", b"Bearer " + secret.encode()),)))
    ((name, value),) = kept.items()  # one, wherever it was found
    assert value == secret.encode()
    assert name.startswith(b"SECRET-openai-")
    assert command["command"][-1].endswith(name.decode())
    assert done.request.headers == ((b"authorization", b"Bearer " + name),)
