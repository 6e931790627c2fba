"""Pseudonyms, wherever a recording has them."""

import base64
import gzip
import json
import struct
from dataclasses import replace
from zlib import crc32

import pytest

from proxy.core.model import Exchange, Frame, Own
from proxy.core.redaction import mentions
from tests.core.redaction.matrix import JSON, exchange

ONE = "SECRET-openai-0123456789ab"


def amazon(payload: bytes) -> bytes:
    head = struct.pack(">II", len(payload) + 16, 0)
    head += struct.pack(">I", crc32(head))
    return head + payload + struct.pack(">I", crc32(head + payload))


WRAPPED = json.dumps({"bytes": base64.b64encode(f'{{"a":"{ONE}"}}'.encode()).decode()}).encode()
PLACES: dict[str, Exchange] = {
    "header": exchange(headers=((b"authorization", f"Bearer {ONE}".encode()),)),
    "body": exchange(body=f'{{"a":"{ONE}"}}'.encode()),
    "answer": exchange(answer=ONE.encode()),
    "gzip": exchange(answer=gzip.compress(ONE.encode())),
    "coded": exchange(
        answer=gzip.compress(ONE.encode("utf-16")),
        answer_headers=(*JSON, (b"content-encoding", b"gzip")),
    ),
    "wide": exchange(answer=ONE.encode("utf-16")),
    "amazon": exchange(
        answer=amazon(WRAPPED),
        answer_headers=((b"content-type", b"application/vnd.amazon.eventstream"),),
    ),
    "frame": exchange(frames=(Frame(1, True, 1, ONE.encode()),)),
    "own": replace(exchange(), own=Own(label=ONE)),
    "error": replace(exchange(), error=f"refused {ONE}"),
}


@pytest.mark.parametrize("place", PLACES)
def test_found_in(place: str) -> None:
    assert mentions.of_exchange(PLACES[place]) == {ONE}


def test_nothing_there() -> None:
    assert mentions.of_exchange(exchange(body=b"SECRET-", answer=b"\x1f\x8b\x08broken")) == set()


def test_in_values() -> None:
    assert mentions.of_values(({"a": [ONE]}, ["x"], None)) == {ONE}
