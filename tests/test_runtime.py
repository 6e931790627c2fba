from pathlib import Path

import pytest

from proxy import runtime
from proxy.config import Settings, load
from proxy.core.model import Run
from proxy.stores import open_store


def settings(tmp_path: Path, **env: str) -> Settings:
    return load({"store": f"sqlite:///{tmp_path}/r.db"}, env, None)


async def test_a_runtime_starts_stores_and_stops(tmp_path: Path) -> None:
    made = await runtime.start(settings(tmp_path))
    made.engine.open_run(Run("r1", "a", "r1", 1.0))
    await made.stop()
    store = open_store(f"sqlite:///{tmp_path}/r.db", create=False)
    assert store.find_run("r1").outcome == "Completed"
    store.close()


def test_ignored_hosts_are_globs(tmp_path: Path) -> None:
    is_ignored = runtime.ignored(settings(tmp_path, DASHCAM_IGNORE="*.apple.com,pinned.test"))
    assert [is_ignored(host) for host in ("x.APPLE.com", "pinned.test", "a.test")] == [
        True,
        True,
        False,
    ]


async def test_the_way_out_is_the_environments_or_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://theirs:3128")
    monkeypatch.setenv("no_proxy", "inside.test")
    for env, place in (({}, "theirs:3128"), ({"DASHCAM_UPSTREAM_PROXY": "mine:1"}, "mine:1")):
        made = await runtime.start(settings(tmp_path, **env))
        proxies = made.engine.pool._proxies
        hop = proxies.hop("https", "a.test", 443)
        assert hop is not None
        assert hop.place == place
        assert proxies.hop("https", "inside.test", 443) is None
        assert proxies.own_ports is made.engine.router.own_ports
        await made.stop()


async def test_users_redaction_rules_hold(tmp_path: Path) -> None:
    made = await runtime.start(settings(tmp_path, DASHCAM_REDACTION_PATTERNS="TICKET-[0-9]+"))
    assert "TICKET-123" not in made.redactor.text("see TICKET-123")
    await made.stop()
