from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ConfigError, DashcamError
from proxy.stores import age

# The test identity of age's own repository, and the file that age made for it.
IDENTITY = "AGE-SECRET-KEY-184JMZMVQH3E6U0PSL869004Y3U2NYV7R30EU99CSEDNPH02YUVFSZW44VU"
FILE = b64decode(
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSA4aHJsTStaQkczRGQ0ZkYyK2E1ODN6ZFRJ"
    "V0RrOC9SNDFrQ1lac3Z3VFc0CnlPNFBZZGxNV0RKK0N4Z1VOUnFZNVowVC9tK2czRkNoNWpJeEdM"
    "YkNWWGMKLS0tIEkvaW1ldlp6eTgxMjBKU3ptSm5tbi9LTWszcDVBMTFWODNOazQxbTlOUEUKcMXl"
    "NiShUgdT+Sxa0Q7KsnO6TWEXgHcT6DggQXod8soIGCJyyPhchXc0oTEaO3XpjQ6v"
)


def test_what_age_wrote_is_read() -> None:
    assert age.decrypt(FILE, IDENTITY) == b"Black lives matter."


@given(st.binary(max_size=200))
def test_there_and_back(data: bytes) -> None:
    recipient = age.recipient_of(IDENTITY)
    assert recipient.startswith("age1")
    file = age.encrypt(data, recipient)
    assert file != age.encrypt(data, recipient)
    assert age.decrypt(file, IDENTITY) == data


@given(st.binary(min_size=32, max_size=32), st.sampled_from([age.RECIPIENT, age.IDENTITY]))
def test_bech32(data: bytes, kind: str) -> None:
    assert age.decode(age.encode(data, kind), kind) == data


@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_a_changed_file_is_refused(at: int, by: int) -> None:
    changed = bytearray(FILE)
    changed[at] ^= by
    with pytest.raises(DashcamError):
        age.decrypt(bytes(changed), IDENTITY)


def test_another_identity_does_not_open_it() -> None:
    other = age.encode(bytes(range(32)), age.IDENTITY)
    with pytest.raises(DashcamError, match="does not open it"):
        age.decrypt(FILE, other)


@pytest.mark.parametrize(
    "text", ["", "age1", IDENTITY, "age1" + "q" * 58, "ssh-ed25519 AAAA", "älter1"]
)
def test_no_recipient(text: str) -> None:
    with pytest.raises(ConfigError, match="no age recipient") as caught:
        age.encrypt(b"x", text)
    assert len(text) < 9 or text not in caught.value.message
