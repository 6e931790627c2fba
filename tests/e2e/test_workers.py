"""`dashcam up --workers`: processes that share a port and a store, and the numbers of a run."""

import os
import select
import shutil
import signal
import ssl
from pathlib import Path

import httpx

from tests.upstream.dashcam import Dashcam, Service

ENOUGH = 200  # tries until chance has had its say


def asked(service: Service, trust: ssl.SSLContext, number: int) -> None:
    """One call on a connection of its own, of the run `shared`."""
    proxy = service.proxy.replace("://", "://shared:x@")
    with httpx.Client(proxy=proxy, verify=trust, trust_env=False, timeout=60) as client:
        assert client.get(f"https://upstream.test/fixed?size=9&number={number}").is_success


def workers(service: Service) -> list[int]:
    pid = service.process.pid
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def stored(service: Service) -> dict[int, int]:
    """What each worker has stored, once both have been asked."""
    seen: dict[int, int] = {}
    for _ in range(ENOUGH):
        said = service.get("/status").json()
        seen[said["process"]] = said["stored"]
        if len(seen) > 1:
            break
    return seen


def test_workers_share_a_port_and_number_a_run_together(dashcam: Dashcam) -> None:
    trust = ssl.create_default_context(cafile=dashcam("ca", "path").out.strip())
    with dashcam.up("--workers", "2") as service:
        first = workers(service)
        assert len(first) == 2
        for number in range(16):
            asked(service, trust, number)
        shares = stored(service)
        assert set(shares) == set(first)
        assert sum(shares.values()) == 16
        assert all(shares.values())  # by chance one may have nothing once in 32,768 times
        died = os.pidfd_open(first[0])
        os.kill(first[0], signal.SIGKILL)
        assert select.select([died], [], [], 30)[0]
        os.close(died)
        for number in range(16, 16 + ENOUGH):
            asked(service, trust, number)  # whoever is there takes it
            if len(set(workers(service)) - {first[0]}) == 2:
                break
        assert len(set(workers(service)) - {first[0]}) == 2
        assert "another takes its place" in service.said
        assert service.stop() == 0
    numbers = [call["seq"] for call in dashcam.calls("shared")]
    assert numbers == [*range(1, len(numbers) + 1)]
    assert len(numbers) >= 17
    dashcam("verify")


def test_a_replay_has_one_process(dashcam: Dashcam) -> None:
    done = dashcam("up", "--workers", "2", "--replay", "last", code=2)
    assert "one process" in done.err


def test_what_no_worker_can_do_is_said_once_by_each(dashcam: Dashcam, tmp_path: Path) -> None:
    """However long a worker takes to find out: none has ever served."""
    home = tmp_path / "wide"
    shutil.copytree(dashcam.home, home)
    (home / "ca" / "ca.pem").chmod(0o644)
    where = ("--listen", "127.0.0.1:0", "--api", "127.0.0.1:0")
    done = dashcam("up", "--workers", "2", *where, code=1, DASHCAM_HOME=str(home))
    assert "is open to others" in done.err
    assert "takes its place" not in done.err
