"""What stands in a secret's place."""

import json
import re
import shlex
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.redaction import pseudonym
from proxy.core.redaction.formats import KEY_FORMATS
from proxy.core.redaction.pairs import find
from proxy.core.redaction.shapes import Shapes

KEY = bytes(range(32))


@given(st.binary(min_size=1, max_size=80))
def test_it_is_stable_and_keyed(value: bytes) -> None:
    one = pseudonym.make(KEY, value, "openai")
    assert one == pseudonym.make(KEY, value, "openai")
    assert one != pseudonym.make(KEY[::-1], value, "openai")
    assert one != pseudonym.make(KEY, value + b"x", "openai")
    assert re.fullmatch(rb"SECRET-openai-[0-9a-f]{12}", one)


def test_it_needs_no_escape_anywhere() -> None:
    text = pseudonym.make(KEY, b"x", "credential").decode()
    assert quote(text, safe="") == text
    assert json.dumps(text) == f'"{text}"'
    assert shlex.quote(text) == text
    assert "'" not in text


def test_it_is_no_secret_itself() -> None:
    for kind in {row.kind for row in KEY_FORMATS}:
        one = pseudonym.make(KEY, b"x", kind)
        assert pseudonym.is_whole(one)
        assert list(Shapes().find(b"sk-" + one + b" Bearer " + one)) == []
        assert list(find(b'{"password": "%s"} ?key=%s ://u:%s@h' % (one, one, one))) == []


def test_it_is_told_from_other_text() -> None:
    one = pseudonym.make(KEY, b"x", "sk")
    assert pseudonym.is_in(b"a " + one + b"b")
    assert not pseudonym.is_whole(one + b"b")
    assert not pseudonym.is_in(b"SECRET-SECRET-")


def test_it_can_be_blanked() -> None:
    one = pseudonym.make(KEY, b"x", "sk")
    assert pseudonym.blanked(b"a" + one + b"bc" + one) == b"a%bbc%b" % ((b" " * len(one),) * 2)
