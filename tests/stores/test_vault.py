import os
import stat
from pathlib import Path

import pytest

from proxy.errors import ConfigError, DashcamError
from proxy.stores import age, vault
from proxy.stores.vault import Key, Vault, path_of, read_key

NAME, OTHER = b"SECRET-openai-0123456789ab", b"SECRET-jwt-ba9876543210"
VALUE = b"sk-proj-\xffAb1Cd2Ef3Gh4Ij5Kl6Mn7Op8"
IDENTITY = age.encode(bytes(range(32)), age.IDENTITY)
KEY = Key(secret=bytes(range(32)))
READER = Key(recipient=age.recipient_of(IDENTITY), identity=IDENTITY)
WRITER = Key(recipient=READER.recipient)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "dashcam.db-vault"


@pytest.mark.parametrize(("writes", "reads"), [(KEY, KEY), (WRITER, READER), (READER, READER)])
def test_what_was_kept_is_revealed_to_the_key(path: Path, writes: Key, reads: Key) -> None:
    Vault.open(path, writes).keep(NAME, VALUE)
    kept = Vault.open(path, writes)  # the second process adds nothing that is there
    kept.keep(NAME, VALUE)
    kept.keep(OTHER, b"a.b.c")
    found = Vault.open(path, reads)
    assert len(found) == 2
    assert found.names() == [(NAME.decode(), True), (OTHER.decode(), True)]
    assert (found.reveal(NAME.decode()), found.reveal(OTHER.decode())) == (VALUE, b"a.b.c")
    text = b'{"a":"Bearer %b","b":"SECRET-openai-000000000000"}' % NAME
    assert found.restored(text) == text.replace(NAME, VALUE)
    assert path.read_bytes().count(NAME) == 1
    for word in (VALUE, VALUE[5:20], VALUE.hex().encode()):
        assert word not in path.read_bytes()


@pytest.mark.parametrize(
    ("writes", "reads", "said"),
    [
        (KEY, Key(secret=bytes(32)), "another key"),
        (KEY, READER, "another key"),
        (WRITER, KEY, "another key .age1"),
        (READER, WRITER, "another key .age1"),
    ],
)
def test_a_wrong_key_reveals_nothing_and_says_so(
    path: Path, writes: Key, reads: Key, said: str
) -> None:
    Vault.open(path, writes).keep(NAME, VALUE)
    found = Vault.open(path, reads)
    assert found.names() == [(NAME.decode(), False)]
    with pytest.raises(DashcamError, match=said):
        found.reveal(NAME.decode())
    assert found.restored(b"x" + NAME) == b"x" + NAME
    found.keep(NAME, VALUE)  # and can be used from now on
    found.keep(OTHER, b"new")
    if reads != WRITER:
        assert Vault.open(path, reads).reveal(OTHER.decode()) == b"new"
    assert Vault.open(path, READER if writes == READER else writes).names()[0][1] is (
        writes != WRITER
    )


def test_what_a_crash_cut_off_costs_itself_only(path: Path) -> None:
    kept = Vault.open(path, KEY)
    kept.keep(NAME, VALUE)
    whole = path.read_bytes()
    kept.keep(OTHER, b"lost")
    path.write_bytes(path.read_bytes()[: len(whole) + 20])
    again = Vault.open(path, KEY)
    again.keep(OTHER, b"again")
    found = Vault.open(path, KEY)
    assert (found.reveal(NAME.decode()), found.reveal(OTHER.decode())) == (VALUE, b"again")


def test_a_changed_vault_is_said_to_be_damaged(path: Path) -> None:
    Vault.open(path, KEY).keep(NAME, VALUE)
    text = path.read_text()
    path.write_text(text.replace(NAME.decode(), OTHER.decode()))  # sealed for its own name
    with pytest.raises(DashcamError, match="is damaged"):
        Vault.open(path, KEY).reveal(OTHER.decode())
    path.write_text(text.replace('"sealed": "', '"sealed": "!'))
    with pytest.raises(DashcamError, match="is damaged"):
        Vault.open(path, KEY)
    with pytest.raises(DashcamError, match="has no SECRET-jwt"):
        Vault.open(path.with_name("none"), KEY).reveal(OTHER.decode())


def test_its_file_is_for_its_owner_only(path: Path) -> None:
    before = os.umask(0)
    try:
        Vault.open(path, KEY).keep(NAME, VALUE)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_where_keys_come_from(tmp_path: Path) -> None:
    key = vault.new_key()
    file = tmp_path / "key"
    file.write_text(f"# a note\n{key}\n")
    assert read_key(str(file)) == read_key("env:K", {"K": key})
    assert len(read_key(str(file)).secret) == 32
    file.write_text(f"# created: today\n{IDENTITY}\n")
    assert read_key(str(file)) == READER
    assert read_key(READER.recipient) == WRITER


@pytest.mark.parametrize(
    ("given", "text", "said"),
    [
        ("env:K", "", "the variable K holds no vault key"),
        ("env:K", "hunter2", "holds no vault key"),
        ("env:K", "DASHCAM-VAULT-abc", "is damaged"),
        ("env:K", IDENTITY[:-1] + "Q", "no age identity"),
        ("age1abc", "", "no age recipient"),
        ("/nonexistent/key", "", "cannot be read"),
    ],
)
def test_a_key_that_cannot_be_used(given: str, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        read_key(given, {"K": text})
    assert not text or text not in caught.value.message


def test_a_vault_lies_beside_its_store(tmp_path: Path) -> None:
    assert path_of(f"sqlite:///{tmp_path}/a.db") == tmp_path / "a.db-vault"
    with pytest.raises(ConfigError, match="has no vault"):
        path_of("memory:")


def test_what_is_forgotten_is_gone_and_can_be_kept_again(path: Path) -> None:
    """By whoever has the file open, too, and without any key."""
    one, other = Vault.open(path, KEY), Vault.open(path, WRITER)
    for each in (one, other):
        each.keep(NAME, VALUE)
        each.keep(OTHER, b"a.b.c")
    assert vault.names_in(path) == {NAME.decode(), OTHER.decode()}
    before = path.open("rb")
    assert vault.forget(path, {NAME.decode(), "SECRET-jwt-000000000000"}) == 1
    with before:
        assert not any(before.read())  # nothing of the old file is left on the disk
    assert NAME not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [*path.parent.glob("*-new")] == []
    assert Vault.open(path, READER).reveal(OTHER.decode()) == b"a.b.c"
    for each, reads in ((one, KEY), (other, READER)):
        each.keep(OTHER, b"a.b.c")
        each.keep(NAME, VALUE)
        assert Vault.open(path, reads).reveal(NAME.decode()) == VALUE
    assert vault.names_in(path) == {NAME.decode(), OTHER.decode()}


def test_a_vault_that_was_deleted_is_begun_anew(path: Path) -> None:
    held = Vault.open(path, KEY)
    held.keep(NAME, VALUE)
    path.unlink()
    held.keep(NAME, VALUE)
    assert Vault.open(path, KEY).reveal(NAME.decode()) == VALUE


def test_nobody_writes_into_a_file_that_was_replaced(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the file and the lock on it, another one may take its place."""
    held = Vault.open(path, KEY)
    held.keep(NAME, VALUE)
    looks = iter((False,))  # the next look comes too early

    def look(self: Vault) -> bool:
        for look in looks:
            vault.forget(path, {NAME.decode()})
            return look
        return real(self)

    real = Vault._is_replaced
    monkeypatch.setattr(Vault, "_is_replaced", look)
    held.keep(OTHER, b"a.b.c")
    assert vault.names_in(path) == {OTHER.decode()}
    assert Vault.open(path, KEY).reveal(OTHER.decode()) == b"a.b.c"
