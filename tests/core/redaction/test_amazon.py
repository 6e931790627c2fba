"""Event streams of AWS: payloads out, changed payloads in."""

import base64
import json

from proxy.core.eventstream import EventStreamParser, encode
from proxy.core.model import Part
from proxy.core.redaction import amazon
from proxy.core.redaction.redactor import Redactor
from tests.core.redaction.matrix import exchange

HEADERS = {":event-type": "chunk", ":message-type": "event"}
SECRET = "sk-ant-api03-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0"


def frame(payload: dict[str, object]) -> bytes:
    return encode(HEADERS, json.dumps(payload).encode())


def wrapped(payload: dict[str, object]) -> bytes:
    text = base64.b64encode(json.dumps(payload).encode()).decode()
    return frame({"bytes": text, "p": "abcd"})


def test_frames_and_what_is_in_them() -> None:
    data = frame({"a": 1}) + wrapped({"b": 2}) + b"\0\0\0"
    first, second = amazon.frames(data)
    assert (first.payload, first.wrapped) == (b'{"a": 1}', False)
    assert (second.payload, second.wrapped) == (b'{"b": 2}', True)
    assert second.end == len(data) - 3


def test_a_damaged_frame_ends_the_frames() -> None:
    data = bytearray(frame({"a": 1}) * 3)
    data[len(data) // 2] ^= 1
    assert len(amazon.frames(bytes(data))) == 1
    assert amazon.frames(b"no event stream at all") == []


def test_a_rebuilt_frame_is_whole_and_keeps_its_headers() -> None:
    for build in (frame, wrapped):
        data = b"".join((build({"a": "old"}), build({"a": "next"})))
        found = amazon.frames(data)[0]
        new = amazon.rebuilt(data, found, b'{"a": "a longer text"}')
        (message,) = EventStreamParser().feed(new)
        assert message.headers == HEADERS
        assert amazon.frames(new)[0].payload == b'{"a": "a longer text"}'
        assert amazon.rebuilt(data, found, found.payload) == data[: found.end]


def test_a_key_split_over_frames_is_removed() -> None:
    for build in (frame, wrapped):
        pieces = ("The key ", SECRET[:9], SECRET[9:30], SECRET[30:], " ends")
        frames = [build({"contentBlockIndex": 0, "delta": {"text": piece}}) for piece in pieces]
        data = b"".join(frames)
        planted = exchange(
            answer=data, answer_headers=((b"content-type", amazon.MEDIA.encode()),), cut=50
        )
        done = Redactor(bytes(32)).exchange(planted).response_body
        texts = [json.loads(one.payload)["delta"]["text"] for one in amazon.frames(done.data)]
        assert texts[0] == "The key "
        assert texts[1].startswith("SECRET-anthropic-")
        assert texts[2:] == ["", "", " ends"]
        assert sum(part.size for part in done.parts) == len(done.data)


def test_clean_streams_and_tails_of_them() -> None:
    data = frame({"a": 1})
    headers = ((b"content-type", amazon.MEDIA.encode()),)
    clean = exchange(answer=data + data[:20], answer_headers=headers)
    assert Redactor(bytes(32)).exchange(clean) == clean
    tail = exchange(answer=data + SECRET.encode(), answer_headers=headers)
    done = Redactor(bytes(32)).exchange(tail).response_body
    assert done.data.startswith(data + b"SECRET-anthropic-")
    assert done.parts == (Part(0, len(done.data)),)
