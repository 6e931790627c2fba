"""Keys by their shape."""

import base64
from random import Random

import pytest

from proxy.core.redaction.formats import KEY_FORMATS, KeyFormat
from proxy.core.redaction.shapes import Shapes, plain
from tests.core.redaction.matrix import SAMPLES

SHAPES = Shapes()


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_found_whole(name: str) -> None:
    random = Random(name)  # noqa: S311 - the same samples every time
    for before, after in (
        (b"", b""),
        (b"key=", b"&x"),
        (b'"', b'"'),
        (b"\\n", b"\\n"),
        (b"%20", b"&x"),
        (b"\\u003d", b'\\"'),
        (b" ", b"."),
    ):
        secret = SAMPLES[name](random).encode()
        data = before + secret + after
        found = [(find.start, find.value) for find in SHAPES.find(data)]
        assert (len(before), plain(secret)) in found


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"sk-proj-" + b"a1" * 20, "openai"),
        (b"sk-ant-api03-" + b"a1" * 20, "anthropic"),
        (b"sk-or-v1-" + b"a1" * 20, "openrouter"),
        (b"sk-" + b"a1" * 20, "sk"),
        (b"https://hooks.slack.com/services/T0000/B0000/" + b"a1" * 12, "slackhook"),
        (b"https:\\/\\/hooks.slack.com\\/services\\/T0000\\/B0000\\/" + b"a1" * 12, "slackhook"),
        (b"https://discord.com/api/webhooks/123/" + b"a1" * 34, "discordhook"),
        (b"AKIAIOSFODNN7EXAMPLE", "aws"),
        (b"xoxe.xoxp-1-" + b"a1" * 12, "slack"),
        (b"Bearer " + b"a1" * 12, "credential"),
        (b"Bearer%20" + b"a1" * 12, "credential"),
        (b"%20ghp_" + b"a1" * 18, "github"),
        (b"\\u003eghp_" + b"a1" * 18, "github"),
    ],
)
def test_kinds(text: bytes, kind: str) -> None:
    (find,) = SHAPES.find(text)
    assert find.kind == kind


@pytest.mark.parametrize("name", ["google", "aws-id", "sendgrid", "jwt"])
@pytest.mark.parametrize(("before", "after"), [(b"/v1/", b"/x"), (b"https://h/", b"?a=1")])
def test_keys_are_found_between_slashes(name: str, before: bytes, after: bytes) -> None:
    secret = SAMPLES[name](Random(name)).encode()  # noqa: S311 - the same samples every time
    (find,) = SHAPES.find(before + secret + after)
    assert (find.start, find.value) == (len(before), secret)


@pytest.mark.parametrize("lead", [b"AKIA", b"dapi", b"AQ", b"eyJ"])
def test_base64_with_slashes_is_left_alone(lead: bytes) -> None:
    """Where such data has the letters that keys begin with, with a slash before them."""
    random = Random(lead)  # noqa: S311 - the same samples every time
    for _ in range(2000):
        data = base64.b64encode(random.randbytes(90))
        assert list(SHAPES.find(b"ab+/" + lead + data[:60] + b"/" + data[60:])) == []


def test_webhooks_keep_their_host() -> None:
    text = b"https://hooks.slack.com/services/T0000/B0000/" + b"a1" * 12
    (find,) = SHAPES.find(text)
    assert text[: find.start] == b"https://hooks.slack.com/services/"


@pytest.mark.parametrize(
    "text",
    [
        b"sk-learn",
        b"sk-learn-contrib-categorical-encoding",
        b"task-0123456789abcdef01234567",
        b"risk-based-approach-2026-final-version",
        b"xghp_" + b"a1" * 18,
        b"ghp_short",
        b"eyJhbGciOiJIUzI1NiJ9",
        b"eyJvZmZzZXQiOjEwMH0.",
        b"AKIAIOSFODNN7EXAMPLEX",
        b"aAKIAIOSFODNN7EXAMPLE",
        b"-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
        b"-----BEGIN PUBLIC KEY-----",
        b"It begins with -----BEGIN RSA PRIVATE KEY----- and goes on",
        b"-----------------------------------------",
        b"Bearer authentication is required here",
        b"SG.short.x",
        b"12345678:AAshort",
        b"SECRET-openai-0123456789ab",
        b"sk-SECRET-openai-0123456789ab",
        b"hf_" + b"_" * 40,
        b"a.b.c" * 30,
        b"key-value-store-with-a-long-name",
        b"AZaz09+/" * 40,
    ],
)
def test_other_text_is_left_alone(text: bytes) -> None:
    assert list(SHAPES.find(text)) == []


def test_a_private_key_goes_whole_however_it_is_written() -> None:
    body = "\n".join("MIIEpAIBAAKCAQEA" + "x" * 48 for _ in range(3))
    pem = f"-----BEGIN EC PRIVATE KEY-----\n{body}\n-----END EC PRIVATE KEY-----"
    for text in (
        pem,
        pem.replace("\n", "\\n"),
        pem.replace("\n", "\\\\n"),
        pem.replace("\n", "\r\n"),
    ):
        (find,) = SHAPES.find(b"< " + text.encode() + b" >")
        assert (find.start, find.end) == (2, 2 + len(text))
    for size in (60, 100, 101, 102, 110):
        cut = pem[:size].encode()
        (find,) = SHAPES.find(cut)
        assert find.end == len(cut)


def test_a_private_key_ends_where_it_ends() -> None:
    text = (
        b"-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEAMIIEpAIBAAKCAQEA\nand then prose - and more"
    )
    (find,) = SHAPES.find(text)
    assert text[find.end :] == b"\nand then prose - and more"
    encrypted = (
        b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0F1E\n\n"
        b"MIIEpAIBAAKCAQEAMIIEpAIBAAKCAQEA\nAB==\n-----END RSA PRIVATE KEY-----"
    )
    (find,) = SHAPES.find(encrypted)
    assert (find.start, find.end) == (0, len(encrypted))


def test_the_kind_of_a_whole_value() -> None:
    assert SHAPES.kind(b"gsk_" + b"a1" * 20) == "groq"
    assert SHAPES.kind(b"x gsk_" + b"a1" * 20) == ""
    assert SHAPES.kind(b"hello") == ""


def test_escapes_are_no_part_of_a_key() -> None:
    assert plain(b"a\\/b\\\\/c\\u0041\\n") == b"a/b/cA\n"


def test_a_lead_must_say_something() -> None:
    with pytest.raises(ValueError, match="less than two plain characters"):
        Shapes((KeyFormat("x", "x", "[0-9]{4}-", "[a-z]{12,}"),))


@pytest.mark.parametrize("row", KEY_FORMATS, ids=lambda row: row.lead)
def test_kinds_fit_into_pseudonyms(row: KeyFormat) -> None:
    assert row.kind.isalnum()
    assert row.kind.islower()
    assert len(row.kind) <= 16


def test_there_are_enough_formats() -> None:
    assert len({(row.kind, row.lead) for row in KEY_FORMATS}) >= 100
    assert len({row.kind for row in KEY_FORMATS}) >= 60
