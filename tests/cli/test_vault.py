import io
import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy import runtime as composition
from proxy.config import load
from proxy.core.model import RequestHead
from tests.cli.conftest import URL, Done
from tests.core.redaction.matrix import exchange

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
