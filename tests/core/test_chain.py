import json
from dataclasses import replace

import pytest

from proxy.core import chain
from proxy.core.chain import Checkpoint, Entry, Head, Kind
from proxy.errors import RecordingFormatError

SECRET = b"s" * 32
ENTRIES = [
    Entry(1, Kind.EVENT, 1, b"a" * 16),
    Entry(1, Kind.RUN, 0, b"b" * 16),
    Entry(0, Kind.GAP, 2, b"c" * 16),
]
ONE = Checkpoint("0123456789abcdef", 3, "ab" * 32, "2026-02-12T09:41:00Z", "a2V5", "c2lnbg==")


def test_the_genesis_is_the_stores_own() -> None:
    assert chain.genesis(SECRET).size == 0
    assert chain.genesis(SECRET) != chain.genesis(b"t" * 32)
    assert chain.store_id(SECRET) == chain.genesis(SECRET).link.hex()[:16]
    assert SECRET.hex() not in chain.genesis(SECRET).link.hex()


def test_a_link_is_of_all_entries_and_their_order() -> None:
    start = chain.genesis(SECRET)
    head = chain.follow(start, ENTRIES)
    assert head.size == 3
    others = [
        ENTRIES[:2],
        ENTRIES[::-1],
        [*ENTRIES, ENTRIES[0]],
        [ENTRIES[0]._replace(run=2), *ENTRIES[1:]],
        [ENTRIES[0]._replace(kind=3), *ENTRIES[1:]],
        [ENTRIES[0]._replace(ref=9), *ENTRIES[1:]],
        [ENTRIES[0]._replace(mark=b"z" * 16), *ENTRIES[1:]],
    ]
    links = {chain.follow(start, other).link for other in others}
    assert len(links) == len(others)
    assert head.link not in links
    assert chain.follow(Head(0, b"other"), ENTRIES).link != head.link
    # in two commits is another chain than in one
    assert chain.follow(chain.follow(start, ENTRIES[:1]), ENTRIES[1:]).link != head.link


@pytest.mark.parametrize(
    "other", [("a", 1, None), ("a", "1", b"x"), ("a", 1, "x"), ("a", 1), (b"a", 1, b"x")]
)
def test_a_mark_knows_values_types_and_salt(other: tuple[object, ...]) -> None:
    of = chain.mark(b"salt", ("a", 1, b"x"))
    assert len(of) == 16
    assert chain.mark(b"salt", other) != of
    assert chain.mark(b"tlas", ("a", 1, b"x")) != of
    assert chain.mark(b"salt", ["a", 1, b"x"]) == of


def test_marks_do_not_change_between_versions() -> None:
    """They are in stores: another text of the same values would break every chain."""
    said = chain.mark(b"", (None, 1, "é\udcff", b"\x00"))
    assert said.hex() == "fd790c92ad4df7ccf15b6231d2846bb9"
    assert chain.follow(Head(0, b""), ENTRIES).link.hex()[:16] == "5787450aef4c7c94"


def test_checkpoints_as_lines() -> None:
    other = replace(ONE, size=9)
    text = f"\n{ONE.line()}\nFeb 12 09:41:00 host dashcam[4]: {other.line()}\n"
    assert chain.parse(text) == [ONE, other]


def test_what_is_signed_is_all_but_the_signature() -> None:
    assert replace(ONE, signature="").signed == ONE.signed
    changes = {"store": "f" * 16, "size": 4, "head": "cd" * 32, "at": "then", "key": "eQ=="}
    for field, value in changes.items():
        assert replace(ONE, **{field: value}).signed != ONE.signed  # type: ignore[arg-type]


def line(**values: object) -> str:
    return json.dumps({**json.loads(ONE.line()), **values})


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "{}",
        "[1]",
        "{" * 5000,
        line(size="3"),
        line(size=True),
        line(head=3),
        line(key="not base64!"),
        line(at="two\nlines"),
        line(dashcam="recording"),
    ],
)
def test_a_line_that_is_no_checkpoint_is_named(text: str) -> None:
    with pytest.raises(RecordingFormatError, match="line 2 is no checkpoint"):
        chain.parse(f"{ONE.line()}\n{text}")


def test_a_file_without_checkpoints() -> None:
    with pytest.raises(RecordingFormatError, match="no checkpoint"):
        chain.parse("\n")
