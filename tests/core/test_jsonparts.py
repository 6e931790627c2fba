import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core import jsonparts

TEXTS = st.sampled_from(["", "x" * 20, "},{", '"}, {"', "[{", 'a": [{"b": 1}, {', "é\\", "\x00"])
LEAVES = st.none() | st.integers(-9, 9) | TEXTS
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.lists(st.dictionaries(TEXTS, VALUES, max_size=3), max_size=12)
NAMES = st.sampled_from(["messages", "tools", "a"])
DOCUMENTS = OBJECTS | st.dictionaries(NAMES, OBJECTS | VALUES)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonparts, "PART", 16)


@given(value=DOCUMENTS, spaces=st.sampled_from([None, (",", ":"), (" ,\n", " : ")]))
def test_it_reads_what_is_read_at_once(value: Any, spaces: tuple[str, str] | None) -> None:
    text = json.dumps(value, separators=spaces).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonparts, "PART", 16)
        assert jsonparts.loads(text) == orjson.loads(text)


@given(value=DOCUMENTS, at=st.integers(0, 400), new=st.sampled_from([b"", b"{", b"]", b'"', b","]))
def test_what_is_broken_is_refused_as_at_once(value: Any, at: int, new: bytes) -> None:
    text = json.dumps(value).encode()
    text = text[:at] + new + text[at + 1 :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonparts, "PART", 16)
        try:
            known = orjson.loads(text)
        except orjson.JSONDecodeError:
            with pytest.raises(orjson.JSONDecodeError):
                jsonparts.loads(text)
        else:
            assert jsonparts.loads(text) == known


MESSAGES = [{"role": "user", "content": "words, words", "parts": [{"n": 1}, {"n": 2}]}] * 40
LARGE: list[Any] = [
    MESSAGES,
    {"model": "m", "messages": MESSAGES, "stream": True},
    {"system": [{"text": "x"}, {"text": "y"}], "tools": [{"a": 1}, {"b": 2}], "messages": MESSAGES},
]


@pytest.mark.parametrize("value", LARGE)
def test_no_step_takes_a_large_list_at_once(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(value).encode()
    sizes: list[int] = []
    read = orjson.loads

    def loads(data: bytes) -> Any:
        sizes.append(len(data))
        return read(data)

    monkeypatch.setattr(orjson, "loads", loads)
    monkeypatch.setattr(jsonparts, "PART", 256)
    assert jsonparts.loads(text) == value
    assert max(sizes) < len(text) / 4


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": [' + b'{"n": 1}, ' * 40 + b'{"n": 2}], "a": 3}',  # the last one counts
        b'{"a": ["\\u0000 here are those that were read before"], "b": ['
        + b'{"n": 1}, ' * 40
        + b'{"n": 2}]}',
        b'{"a": {"b": [' + b'{"n": 1}, ' * 40 + b'{"n": 2}]}}',
        b'{"a": "' + b'\\"b\\": [{}, {}, ' * 40 + b'"}',
        b"[" + b'{"n": 1}, ' * 40 + b'{"n": 2}] x',
        b"[" + b'{"n": 1}, ' * 40 + b'{"n": 2},]',
    ],
)
def test_what_is_no_list_of_its_own(text: bytes) -> None:
    try:
        known = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        with pytest.raises(orjson.JSONDecodeError, match=str(error).partition(":")[0]):
            jsonparts.loads(text)
    else:
        assert jsonparts.loads(text) == known
