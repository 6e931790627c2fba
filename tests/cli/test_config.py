import json
import tomllib
from pathlib import Path

import pytest

from proxy.cli.config import skeleton
from proxy.config import SETTINGS, load
from tests.cli.conftest import Dashcam


def test_every_setting_with_its_origin(
    dashcam: Dashcam, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "dashcam.toml").write_text('ignore = ["a.com", "b.com"]\n')
    monkeypatch.setenv("DASHCAM_PACE", "recorded")
    lines = dashcam("config", "--store", "sqlite:///x.db").out.splitlines()
    rows = {line.split()[0]: line for line in lines}
    assert list(rows) == ["setting", *(setting.name for setting in SETTINGS)]
    assert rows["store"].split("  ")[-1].strip() == "sqlite:///x.db"
    assert "the command line" in rows["store"]
    assert rows["ignore"].endswith("a.com, b.com")
    assert "dashcam.toml" in rows["ignore"]
    assert rows["pace"].split()[1:] == ["DASHCAM_PACE", "recorded"]
    assert rows["workers"].split()[1:] == ["default", "1"]
    assert rows["upstream_ca"].split()[1:] == ["default", "-"]


def test_json(dashcam: Dashcam) -> None:
    found = json.loads(dashcam("config", "--json").out)
    assert list(found) == [setting.name for setting in SETTINGS]
    assert found["listen"] == {"value": "127.0.0.1:8080", "source": "default", "origin": "default"}
    assert found["redaction.pii"]["value"] is False
    assert found["idle_timeout"]["value"] == 300
    assert found["ignore"]["value"] == []


@pytest.mark.parametrize("pace", ["instant", "recorded", "2.0", "0.3"])
def test_a_pace_is_shown_as_it_was_written(dashcam: Dashcam, pace: str, folder: Path) -> None:
    (folder / "dashcam.toml").write_text(f'pace = "{pace}"\n')
    assert str(json.loads(dashcam("config", "--json").out)["pace"]["value"]) == pace


def test_passwords_are_not_shown(dashcam: Dashcam) -> None:
    url = "postgresql://ann:s3cret@db.local:5432/dash?sslmode=require"
    for args in (("config",), ("config", "--json")):
        done = dashcam(*args, "--store", url)
        assert "s3cret" not in done.out
        assert "postgresql://ann:***@db.local:5432/dash?sslmode=require" in done.out


def test_a_proxys_password_is_not_shown(dashcam: Dashcam, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHCAM_UPSTREAM_PROXY", "ann:s3cret@proxy.local:3128")
    monkeypatch.setenv("DASHCAM_CLIENT_CERTIFICATES", "a.test=/a.pem,/k.pem")
    for args in (("config",), ("config", "--json")):
        done = dashcam(*args)
        assert "s3cret" not in done.out
        assert "http://ann:***@proxy.local:3128" in done.out
        assert "/a.pem,/k.pem" in done.out


def test_a_bad_setting_is_one_line_and_a_hint(dashcam: Dashcam, folder: Path) -> None:
    (folder / "dashcam.toml").write_text("workers = 0\n")
    done = dashcam("config")
    assert done.code == 2
    assert done.err == (
        "dashcam: dashcam.toml: workers cannot be 0\nit takes a whole number from 1 up\n"
    )


def test_the_skeleton_with_its_marks_off_is_the_defaults(folder: Path) -> None:
    lines = [line for line in skeleton() if " = " in line or line.startswith("[")]
    text = "\n".join(line.removeprefix("# ") for line in lines)
    assert tomllib.loads(text)["redaction"]["pii"] is False
    (folder / "all.toml").write_text(text.replace('"PATH"', '"~/.dashcam/ca"'))
    given, default = load({}, {}, folder / "all.toml"), load({}, {})
    for setting in SETTINGS:
        if setting.default is not None:
            assert given.value(setting.name) == default.value(setting.name), setting.name


def test_the_skeleton_can_be_read_as_it_is(dashcam: Dashcam, folder: Path) -> None:
    (folder / "dashcam.toml").write_text(dashcam("config", "--toml").out)
    assert set(load({}, {}).origins.values()) == {load({}, {}).origins["store"]}
