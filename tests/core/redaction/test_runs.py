"""Events that are alike, read at once."""

import json
from typing import Any

import pytest

from proxy.core.redaction.leaves import literals
from proxy.core.redaction.runs import Run, follow
from proxy.core.redaction.templates import template
from proxy.core.redaction.tokens import walk

LEAD = b"event: x\ndata: "


def event(number: int = 7, text: str = "one", more: str = "xyz") -> bytes:
    record = {"index": 0, "n": number, "made": 99, "d": {"text": text}, "more": more}
    return LEAD + json.dumps(record, ensure_ascii=False).encode() + b"\n\n"


def followed(*later: bytes, first: bytes | None = None) -> tuple[bytes, Run | None]:
    first = event() if first is None else first
    payload = first.removeprefix(LEAD).rstrip()
    kind = template(payload, [*walk(payload)], literals(payload))
    assert kind is not None
    data = b"".join((first, *later))
    return data, follow(data, len(first), LEAD, kind, payload)


def texts(run: Run) -> list[tuple[Any, ...]]:
    columns = [texts for key, texts in zip(run.keys, run.columns, strict=True) if key]
    return [*zip(*columns, strict=True)]


@pytest.mark.parametrize("count", [2, 3, 4, 5, 30, 600])
@pytest.mark.parametrize("step", [0, 1])
def test_all_but_the_last_are_taken(count: int, step: int) -> None:
    events = [event(7 + step * n, f"t{n}é", "m" * (n % 4)) for n in range(1, count + 1)]
    data, run = followed(*events)
    assert run is not None
    assert run.events == count - 1
    assert data[run.end :] == events[-1]
    said = [(f"t{n}é".encode(), b"m" * (n % 4)) for n in range(1, count)]
    assert texts(run) == said
    for column, key in enumerate(run.keys):
        for row in range(run.events):
            at = run.place(column, row)
            piece = run.columns[column][row]
            assert data[at : at + len(piece)] == piece, key


@pytest.mark.parametrize(
    "other",
    [
        b"data: " + event().removeprefix(LEAD),
        b"\n" + event(),
        b": x\n\n",
        event().replace(b'"index": 0', b'"index": 1'),
        event().replace(b'"n": 7', b'"n": 7.5'),
        event().replace(b'"one"', b"null"),
        event().replace(b'"one"', b'"o"ne"'),
        event().replace(b'"one"', b'"o\nne"'),
        event().replace(b'"one"', b'"one\\"'),
        event().replace(b'"}\n', b'", "d": 1}\n'),
        event().replace(b"}\n\n", b"}\ndata: 1\n\n"),
        event().replace(b"\n\n", b" \n\n"),
    ],
)
def test_another_kind_ends_a_run(other: bytes) -> None:
    data, run = followed(event(8), event(9), other, event(10), event(11))
    assert run is not None
    assert data[run.end :].startswith((event(9), other))
    assert followed(other, event(10), event(11))[1] is None


def test_what_looks_like_the_end_of_a_text_in_it() -> None:
    texts_ = ['", "more": "', '"}}', "\\", "a\nb", '\\", "d": {"text": "']
    data, run = followed(*(event(n, text, text) for n, text in enumerate(texts_)), event())
    assert run is None or data[: run.end].count(LEAD) == run.events + 1
    for size in range(1, len(texts_)):
        escaped = [json.dumps(text)[1:-1].encode() for text in texts_[:size]]
        _, run = followed(*(event(n, text) for n, text in enumerate(texts_[:size])), event())
        assert run is not None
        assert [text for text, _ in texts(run)] == escaped


def test_a_stream_that_was_cut() -> None:
    whole = event(8) + event(9) + event(10)
    for size in range(len(whole)):
        data, run = followed(whole[:size])
        if run is not None:
            assert data[run.end :].startswith(LEAD[: len(data) - run.end])
            assert run.events < 3
