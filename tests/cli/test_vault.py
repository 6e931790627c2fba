import io
import json
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy import runtime as composition
from proxy.config import load
from proxy.core.model import RequestHead
from proxy.stores import open_store
from proxy.stores.vault import Vault, new_key, read_key
from tests.cli.conftest import URL, Done
from tests.core.redaction.matrix import exchange
from tests.stores.marked import marker, recorded

type Dashcam = Callable[..., Done]

SECRET = "sk-proj-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2Yz3"


@pytest.fixture
async def pseudonym(dashcam: Dashcam, folder: Path) -> str:
    """What stands for SECRET in a store whose vault has the key `vault.key`."""
    assert dashcam("vault", "init", "vault.key").code == 0
    runtime = await composition.start(load({"store": URL, "vault": "vault.key"}))
    head = RequestHead("GET", "https", "a.test", 443, f"/x?api_key={SECRET}")
    one = exchange(head, headers=((b"authorization", b"Bearer " + SECRET.encode()),))
    await runtime.engine.settled(runtime.engine.add(one))
    (stored,) = runtime.store.exchanges("r1")
    await runtime.stop()
    target = stored.request.target
    assert SECRET not in target
    return target.partition("=")[2]


def test_a_key_is_made_once_and_for_its_owner_only(dashcam: Dashcam, folder: Path) -> None:
    done = dashcam("vault", "init")
    file = folder / "home" / "vault.key"
    assert (done.code, done.out) == (0, f"{file}\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "DASHCAM-VAULT-" in file.read_text()
    assert "DASHCAM-VAULT-" not in done.out + done.err
    again = dashcam("vault", "init")
    assert (again.code, "is there already" in again.err) == (2, True)


def test_who_has_the_key_sees_the_secret(
    dashcam: Dashcam, folder: Path, pseudonym: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dashcam("vault", "reveal", pseudonym, "--vault", "vault.key").out == f"{SECRET}\n"
    monkeypatch.setenv("DASHCAM_VAULT", "vault.key")
    assert dashcam("vault", "show").out == f"{pseudonym}\n"
    shown = json.loads(dashcam("vault", "show", "--json").out)
    assert shown["secrets"] == [{"name": pseudonym, "opens": True}]
    assert json.loads(dashcam("vault", "reveal", pseudonym, "--json").out) == {pseudonym: SECRET}
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"key={pseudonym}".encode())))
    assert dashcam("vault", "reveal", "-").out == f"key={SECRET}"
    for file in folder.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes()


def test_without_the_key_all_else_works(dashcam: Dashcam, folder: Path, pseudonym: str) -> None:
    assert dashcam("vault", "init", "other.key").code == 0
    wrong = dashcam("vault", "reveal", pseudonym, "--vault", "other.key")
    assert (wrong.code, "sealed with another key" in wrong.err) == (1, True)
    assert "another key" in dashcam("vault", "show", "--vault", "other.key").out
    (folder / "vault.key").unlink()
    lost = dashcam("vault", "reveal", pseudonym, "--vault", "vault.key")
    assert (lost.code, "cannot be read" in lost.err) == (2, True)
    none = dashcam("vault", "show")
    assert (none.code, "dashcam vault init" in none.err) == (2, True)
    assert pseudonym in dashcam("show", "r1", "--call", "1").out
    assert dashcam("verify").code == 0


WRONG = "sealed with another key than the given one"


@pytest.fixture(scope="module")
def recorded_sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sealed run, and the keys that open it and that do not."""
    folder = tmp_path_factory.mktemp("sealed")
    for name in ("right.key", "wrong.key"):
        (folder / name).write_text(new_key())
    url, key = f"sqlite:///{folder / 'dashcam.db'}", str(folder / "right.key")
    store = open_store(url, vault=key, seal=True)
    store.write(recorded("run_a"))
    store.close()
    return folder


@pytest.fixture
def sealed(folder: Path, recorded_sealed: Path) -> Path:
    shutil.copytree(recorded_sealed, folder / "recordings")
    return folder / "recordings"


SAID = "what was said is sealed, and not shown"
RIGHT, OTHER = "--vault=recordings/right.key", "--vault=recordings/wrong.key"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("runs", 0, ("Bad Output", "")),
        (f"runs {OTHER}", 0, ("(sealed)", "")),
        (f"runs {RIGHT}", 0, (marker("reason"), "")),
        (f"runs {RIGHT} --search quokka", 0, ("", "not searched: 1 sealed run")),
        ("show last", 0, ("gpt-4o · 11 → 7 tokens", SAID)),
        (f"show last {RIGHT}", 0, (marker("upstream-error"), "")),
        ("show last --call 1", 1, ("", "and no key was given")),
        (f"show last --call 1 {OTHER}", 1, ("", WRONG)),
        ("show last --call 1 --vault=recordings/no.key", 1, ("", "no.key cannot be read")),
        (f"show last --call 1 {RIGHT}", 0, (marker("reply"), "")),
        ("export last --to -", 1, ("", "and no key was given")),
        (f"export last --to - {OTHER}", 1, ("", WRONG)),
        (f"export last --to - {RIGHT}", 0, (marker("user"), "")),
        ("explain last", 0, ("Failed", SAID)),
        ("verify", 0, ("all well", "only the stored bytes and the chain were checked")),
        ("verify --json", 0, ('"locked": 1', "")),
        (f"verify --json {RIGHT}", 0, ('"locked": 0', "")),
        ("backup copy.db", 0, ("", "wrote copy.db")),
        ("gc run_a", 0, ("", "deleted 1 run")),
    ],
)
def test_sealed_runs(
    dashcam: Dashcam, sealed: Path, arguments: str, code: int, said: tuple[str, str]
) -> None:
    done = dashcam(*arguments.split())
    assert (done.code, said[0] in done.out, said[1] in done.err) == (code, True, True), done
    if RIGHT not in arguments:
        assert "Quokka" not in done.out + done.err
        files = [path for path in sealed.parent.rglob("*") if path.is_file()]
        assert not any(b"Quokka" in path.read_bytes() for path in files)


def test_a_vault_keeps_what_sealed_runs_may_need(dashcam: Dashcam, sealed: Path) -> None:
    vault = Vault.open(sealed / "dashcam.db-vault", read_key(str(sealed / "right.key")))
    vault.keep(b"SECRET-openai-9f2c41d07ab3", SECRET.encode())
    assert "keeps all it has: 1 sealed run may need it" in dashcam("gc").err
    assert "1 secret taken out" in dashcam("gc", RIGHT).err


def test_bodies_are_not_sealed_without_a_key_nor_by_who_joins_another(
    dashcam: Dashcam, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = dashcam("run", "--vault-bodies", "--", "true")
    assert (done.code, "vault_bodies needs a key" in done.err) == (2, True)
    monkeypatch.setenv("DASHCAM_API", "http://127.0.0.1:9")
    done = dashcam("run", "--vault-bodies", "--", "true")
    assert (done.code, "start that one with --vault-bodies" in done.err) == (2, True)
