import json
import socket
import stat
import time
from pathlib import Path

import pytest

from proxy.cli import _checkpoints
from proxy.core import chain
from tests.cli.conftest import Dashcam, Fill
from tests.cli.samples import START, support_run


@pytest.fixture(autouse=True)
def stored(fill: Fill) -> None:
    fill(support_run())


def test_a_checkpoint_is_a_line(dashcam: Dashcam, fill: Fill) -> None:
    first = dashcam("checkpoint")
    assert (first.code, first.err, first.out.count("\n")) == (0, "", 1)
    (one,) = chain.parse(first.out)
    fill(support_run("run_b", at=START + 60))
    (other,) = chain.parse(dashcam("checkpoint").out)
    assert (other.store, other.key) == (one.store, one.key)
    assert other.size == 2 * one.size
    assert other.head != one.head
    assert json.loads(first.out)["dashcam"] == "checkpoint"


def test_to_a_file(dashcam: Dashcam) -> None:
    for _ in range(2):
        done = dashcam("checkpoint", "--to", "away/kept")
        assert done.code == 0
        assert done.out == ""
        assert "records of recordings/dashcam.db to away/kept, signed by " in done.err
    assert len(chain.parse(Path("away/kept").read_text())) == 2
    assert stat.S_IMODE(Path("away/kept").stat().st_mode) == 0o600


def test_to_syslog(dashcam: Dashcam, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_checkpoints, "PLACES", ("nowhere", "log"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind("log")
        assert dashcam("checkpoint", "--to", "syslog").code == 0
        said = log.recv(4096).decode()
    assert said.startswith("<85>dashcam[")
    assert len(chain.parse(said)) == 1
    monkeypatch.setattr(_checkpoints, "PLACES", ("nowhere",))
    done = dashcam("checkpoint", "--to", "syslog")
    assert (done.code, done.err.splitlines()[0]) == (1, "dashcam: there is no syslog here")


def test_again_and_again(dashcam: Dashcam, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    done = dashcam("checkpoint", "--every", "5m")
    assert done.code == 130
    assert pauses == [300.0] * 3
    assert len(chain.parse(done.out)) == 3


def test_the_public_key(dashcam: Dashcam) -> None:
    key = dashcam("checkpoint", "--key").out.strip()
    (one,) = chain.parse(dashcam("checkpoint").out)
    assert one.key == key


def test_nothing_to_say(dashcam: Dashcam) -> None:
    done = dashcam("checkpoint", "--store", "sqlite:///elsewhere.db")
    assert done.code == 1
    assert "no recordings yet" in done.err
    assert not Path("elsewhere.db").exists()
