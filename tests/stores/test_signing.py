import stat
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.core.chain import Checkpoint
from proxy.errors import DashcamError
from proxy.stores import signing

ONE = Checkpoint("0123456789abcdef", 3, "ab" * 32, "2026-02-12T09:41:00Z")


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert signing.known(home) is None
    key = signing.public(signing.load_or_make(home))
    assert signing.public(signing.load_or_make(home)) == key
    assert signing.known(home) == key
    assert stat.S_IMODE((home / signing.NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert [file.name for file in home.iterdir()] == [signing.NAME]


def test_a_signature_is_of_everything_said(tmp_path: Path) -> None:
    key = signing.load_or_make(tmp_path)
    signed = signing.sign(ONE, key)
    assert signing.is_signed(signed)
    other = signing.sign(ONE, signing.load_or_make(tmp_path / "other"))
    for changed in (
        replace(signed, size=4),
        replace(signed, head="cd" * 32),
        replace(signed, store="f" * 16),
        replace(signed, at="then"),
        replace(signed, key=other.key),
        replace(signed, signature=other.signature),
        replace(signed, signature=""),
        replace(signed, key="AAAA"),
        ONE,
    ):
        assert not signing.is_signed(changed)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    signing.load_or_make(tmp_path)
    (tmp_path / signing.NAME).chmod(0o640)
    with pytest.raises(DashcamError, match="open to others"):
        signing.load_or_make(tmp_path)


@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_a_file_without_a_key(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / signing.NAME
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(DashcamError, match="no Ed25519 key"):
        signing.load_or_make(tmp_path)


def test_a_fingerprint_is_short(tmp_path: Path) -> None:
    key = signing.public(signing.load_or_make(tmp_path))
    assert len(signing.fingerprint(key)) == 16
    assert signing.fingerprint(key) != signing.fingerprint(
        signing.sign(ONE, signing.load_or_make(tmp_path / "b")).key
    )
