import json
import time

import pytest

from proxy.stores import vault
from proxy.stores.vault import Key, Vault
from tests.cli.conftest import URL, Dashcam, Fill
from tests.cli.samples import support_run

HOUR = 3600.0


@pytest.fixture(autouse=True)
def stored(fill: Fill) -> None:
    now = time.time()
    still_open = support_run("run_open", at=now - 50 * HOUR)
    still_open.outcomes.clear()
    still_open.run.ended_at = None
    fill(
        support_run("run_old", at=now - 72 * HOUR),
        still_open,
        support_run("run_mid", label="Billing", at=now - 30 * HOUR),
        support_run("run_new", at=now - HOUR),
    )


def left(dashcam: Dashcam) -> list[str]:
    return [run["id"] for run in json.loads(dashcam("runs", "--json").out)]


ALL = ["run_new", "run_mid", "run_open", "run_old"]


@pytest.mark.parametrize(
    ("args", "gone"),
    [
        (("--older-than", "24h"), ["run_mid", "run_old"]),
        (("--older-than", "2d"), ["run_old"]),
        (("--older-than", "24h", "--open"), ["run_mid", "run_open", "run_old"]),
        (("--older-than", "24h", "--label", "Billing"), ["run_mid"]),
        (("--keep", "1"), ["run_mid", "run_old"]),
        (("--keep", "2", "--older-than", "24h"), ["run_old"]),
        (("--keep", "9"), []),
        (("--keep", "0"), ["run_new", "run_mid", "run_old"]),
    ],
)
def test_what_goes(dashcam: Dashcam, args: tuple[str, ...], gone: list[str]) -> None:
    dry = dashcam("gc", *args, "--dry-run")
    assert dry.code == 0
    assert [name for name in ALL if name in dry.out] == gone
    assert left(dashcam) == ALL
    done = dashcam("gc", *args)
    assert done.code == 0
    assert done.err.startswith(f"deleted {len(gone)} run")
    assert left(dashcam) == [name for name in ALL if name not in gone]
    assert dashcam("verify").code == 0


def test_runs_by_name(dashcam: Dashcam) -> None:
    dry = dashcam("gc", "run_open", "run_mid", "--dry-run")
    assert [name for name in ALL if name in dry.out] == ["run_mid", "run_open"]
    assert left(dashcam) == ALL
    assert dashcam("gc", "run_op", "last").code == 0
    assert left(dashcam) == ["run_mid", "run_old"]
    assert dashcam("gc", "nobody").code == 1
    assert left(dashcam) == ["run_mid", "run_old"]
    purges = json.loads(dashcam("verify", "--json").out)["purges"]
    assert [purge["reason"] for purge in purges] == ["deleted", "deleted"]


def test_again_and_again(dashcam: Dashcam, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    done = dashcam("gc", "--older-than", "2d", "--every", "10m")
    assert (done.code, pauses) == (130, [600.0, 600.0])
    assert done.err.splitlines()[0].startswith("deleted 1 run,")
    assert done.err.splitlines()[1].startswith("deleted 0 runs,")
    assert left(dashcam) == ["run_new", "run_mid", "run_open"]


def test_json(dashcam: Dashcam) -> None:
    dry = json.loads(dashcam("gc", "--keep", "2", "--json", "--dry-run").out)
    assert dry == {"wouldDelete": ["run_old"]}
    done = json.loads(dashcam("gc", "--keep", "2", "--json").out)
    assert (done["deleted"], done["freedBytes"] >= 0) == (["run_old"], True)


def test_by_size_the_oldest_go_first(dashcam: Dashcam) -> None:
    assert json.loads(dashcam("gc", "--max-size", "1GB", "--json").out)["deleted"] == []
    assert dashcam("gc", "--max-size", "1k", "--label", "Billing").code == 0
    assert "run_mid" not in left(dashcam)
    assert "run_new" in left(dashcam)
    assert dashcam("gc", "--max-size", "1k").code == 0
    assert "run_new" not in left(dashcam)


def test_without_a_limit_nothing_is_deleted(dashcam: Dashcam) -> None:
    assert json.loads(dashcam("gc", "--json").out)["deleted"] == []
    assert left(dashcam) == ALL


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--label", "Billing"), "--label needs"),
        (("run_old", "--keep", "1"), "RUN goes with none"),
        (("--every", "1h"), "--every needs"),
        (("--every", "1h", "--keep", "1", "--dry-run"), "--every needs"),
        (("--max-size", "1k", "--dry-run"), "--max-size cannot tell"),
        (("--max-size", "much"), "'much' is no size"),
        (("--older-than", "long"), "'long' is no length of time"),
    ],
)
def test_wrong_usage_deletes_nothing(dashcam: Dashcam, args: tuple[str, ...], said: str) -> None:
    done = dashcam("gc", *args)
    assert done.code == 2
    assert said in done.err
    assert left(dashcam) == ALL


def test_secrets_that_no_run_has_leave_the_vault(dashcam: Dashcam, fill: Fill) -> None:
    needed, unused = b"SECRET-openai-0123456789ab", b"SECRET-jwt-ba9876543210"
    run = support_run("run_keyed", at=time.time())
    run.run.metadata["key"] = needed.decode()
    fill(run)
    path = vault.path_of(URL)
    held = Vault.open(path, Key(secret=bytes(32)))
    held.keep(needed, b"one")
    held.keep(unused, b"two")
    done = dashcam("gc", "run_old", "--json")
    assert json.loads(done.out)["forgottenSecrets"] == 1
    assert vault.names_in(path) == {needed.decode()}
    assert "1 secret taken out of the vault" in dashcam("gc", "run_keyed").err
    assert vault.names_in(path) == set()
    assert "vault" not in dashcam("gc").err
