import base64
import hashlib
import html as stdlib
import re
from html.parser import HTMLParser
from typing import override

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.model import Run, Snapshot
from proxy.exporters import html
from tests.core.recorded import exchange
from tests.exporters.sample import EVIL, snapshot


class Elements(HTMLParser):
    """The elements and attributes of a page, and whether it closes what it opens."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("meta", "br"):
            self.open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


ELEMENTS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "h2",
        "h3",
        "table",
        "tr",
        "th",
        "td",
    ),
    *("details", "summary", "b", "span", "p", "br", "strong", "pre"),
}


def parsed(page: str) -> Elements:
    found = Elements()
    found.feed(page)
    found.close()
    assert found.open == []
    return found


def page(run: Snapshot) -> str:
    return b"".join(html.export(run)).decode()


def test_recorded_text_is_text() -> None:
    found = parsed(page(snapshot()))
    assert found.names <= ELEMENTS
    assert found.attributes <= {"charset", "class", "content", "http-equiv", "lang", "name"}


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=60), st.binary(max_size=60))
def test_nothing_recorded_becomes_an_element(text: str, data: bytes) -> None:
    for evil in (text, EVIL + text):
        call = exchange(1, data, b"<script>" + data, error=evil, headers=((b"<b>", data),))
        run = Run("r1", evil, evil, 1.0, metadata={evil: evil})
        assert parsed(page(Snapshot(run, [call]))).names <= ELEMENTS


def test_the_policy_allows_the_style_sheet_and_nothing_else() -> None:
    text = page(snapshot())
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert style is not None
    assert policy is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    told = stdlib.unescape(policy[1])
    assert told.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")


def test_long_bodies_are_cut_and_say_so() -> None:
    text = page(Snapshot(Run("r1", "L", "c", 1.0), [exchange(1, b"x" * 400_005)]))
    assert "… 5 more characters" in text
