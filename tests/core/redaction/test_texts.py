"""The texts of a stream."""

import json

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.redaction.leaves import Key
from proxy.core.redaction.records import Split, events
from proxy.core.redaction.texts import Texts


def made(data: bytes, *, alike: bool = True) -> Texts:
    return Texts(data, events(data), alike=alike)


def joined(texts: Texts) -> dict[Key, bytes]:
    return {text.key: b"".join(text.pieces) for text in texts}


def stream(*records: object) -> bytes:
    return "".join(f"data: {json.dumps(record)}\n\n" for record in records).encode()


def test_of_many_alike_a_few_are_searched_whole() -> None:
    data = stream(*({"n": 5, "d": f"<{n}>"} for n in range(1000)), {"done": True})
    texts = made(data)
    assert joined(texts) == {("d",): "".join(f"<{n}>" for n in range(1000)).encode()}
    assert texts.singles == [0, 1, 3]
    assert texts.models == {1}
    assert len(texts.records) == 4
    every = made(data, alike=False)
    assert joined(every) == joined(texts)
    assert len(every.records) == len(every.singles) == 1001


def test_a_piece_of_a_run_is_found_in_the_stream() -> None:
    words = ["", "a", 'q"', "é", "", "\n", "bcd"] * 9
    data = stream(*({"d": word, "e": "x"} for word in words))
    (text,) = (text for text in made(data) if text.key == ("d",))
    assert text.pieces == [word.encode() for word in words if word]
    told = 0
    for at, piece in enumerate(text.pieces):
        place = text.place(at)
        if place is not None:
            raw = json.dumps(piece.decode())[1:-1].encode()
            assert data[place : place + len(raw)] == raw
            told += 1
    assert told > len(text.pieces) // 2


_WORDS = st.sampled_from(["a", "bc", 'q"', "\\", "", "\n\n", "data: x", "é"])
_KINDS = st.sampled_from(
    [
        {"t": {"text": "$"}},
        {"index": 0, "seq": 1, "delta": "$", "more": "x"},
        {"index": 0, "seq": 22, "delta": "$", "more": ""},
        {"index": 1, "seq": 22, "delta": "$", "more": ""},
        {"type": "ping"},
        "$",
    ]
)


@given(st.lists(st.tuples(_KINDS, st.lists(_WORDS, max_size=12)), max_size=12), st.booleans())
def test_alike_or_not_the_texts_are_the_same(
    told: list[tuple[object, list[str]]], breaks: bool
) -> None:
    records = [
        json.loads(json.dumps(kind).replace("$", json.dumps(word)[1:-1]))
        for kind, words in told
        for word in words
    ]
    data = stream(*records)
    if breaks:
        data = data.replace(b"\n\n", b"\n\n: x\n\n", 2)
    texts = made(data)
    assert joined(texts) == joined(made(data, alike=False))


def test_what_is_no_stream_of_events() -> None:
    record = made(b"data: 1").records[0]
    split = Split([record._replace(payload=b'{"d":"%d"}' % n) for n in range(9)], set())
    assert joined(Texts(b"", split, alike=True)) == {("d",): b"012345678"}
