"""Secrets are put back into what is served, and taken out of what is compared."""

from dataclasses import replace

import pytest

from proxy.core.model import Body, Exchange, Frame, Part, RequestHead, ResponseHead
from proxy.core.redaction import pseudonym
from proxy.core.replay.given import Given, of_environment
from tests.core.recorded import exchange

KEY = b"k" * 32
SECRET = b"tok_live_9f8e7d6c5b4a"
NAME = pseudonym.make(KEY, SECRET, "token")
OTHER = b"SECRET-token-000000000000"


def given() -> Given:
    return Given({NAME: SECRET}.get)


def test_what_a_served_answer_had() -> None:
    body = b'{"token":"%b","other":"%b"}' % (NAME, OTHER)
    was = exchange(1, {"q": 1}, body)
    assert was.response is not None
    cookie = (b"Set-Cookie", b"session=%b; Path=/" % NAME)
    was = replace(was, response=replace(was.response, headers=(*was.response.headers, cookie)))
    served = given().answer(was)
    assert served.response_body.data == b'{"token":"%b","other":"%b"}' % (SECRET, OTHER)
    assert served.response is not None
    headers = dict(served.response.headers)
    assert headers[b"Set-Cookie"] == b"session=%b; Path=/" % SECRET
    assert headers[b"Content-Length"] == b"%d" % len(served.response_body.data)
    assert served.request is was.request


@pytest.mark.parametrize("cut", range(1, len(NAME) + 9))
def test_one_that_is_split_over_pieces(cut: int) -> None:
    data = b"data: " + NAME + b"\n\n"
    was = exchange(1, response_body=Body(data, (Part(1, cut), Part(2, len(data) - cut))))
    body = given().answer(was).response_body
    assert body.data == b"data: " + SECRET + b"\n\n"
    assert [part.at_us for part in body.parts] == [1, 2]
    assert sum(part.size for part in body.parts) == len(body.data)


def test_messages_of_a_conversation() -> None:
    was = exchange(1, response=ResponseHead(101), frames=(Frame(1, False, 1, b"use " + NAME),))
    assert given().answer(was).frames[0].data == b"use " + SECRET


@pytest.mark.parametrize("value", [None, b"", b'with "quotes"', b"-----BEGIN\nKEY", "ö".encode()])
def test_what_is_not_known_or_would_be_escaped_stays_away(value: bytes | None) -> None:
    was = exchange(1, {}, b'{"token":"%b"}' % NAME)
    assert Given(lambda _name: value).answer(was) is was


def test_what_is_asked_then_is_compared_with_pseudonyms() -> None:
    held = given()
    head = RequestHead("GET", "https", "a.test", 443, f"/x?token={SECRET.decode()}")
    assert held.asked(head, SECRET) == (head, SECRET), "it was not given"
    held.answer(exchange(1, {}, NAME))
    found, body = held.asked(head, b"<%b>" % SECRET)
    assert (found.target, body) == (f"/x?token={NAME.decode()}", b"<%b>" % NAME)


def test_an_answer_that_never_came() -> None:
    was: Exchange = exchange(1, response=None)
    assert given().answer(was) is was


def test_secrets_of_the_environment() -> None:
    asked: list[int] = []

    def values() -> list[bytes]:
        asked.append(1)
        return [b"", b"other", SECRET]

    reveal = of_environment(KEY, values)
    assert asked == []
    assert (reveal(NAME), reveal(OTHER), reveal(NAME)) == (SECRET, None, SECRET)
    assert asked == [1]
    assert of_environment(b"x" * 32, values)(NAME) is None, "another store's"
