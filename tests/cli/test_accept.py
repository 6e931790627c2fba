import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.cli._accept import config_file, into_config
from proxy.config import load
from proxy.core.matching import IgnoreRule
from proxy.errors import ConfigError
from proxy.stores import open_store
from tests.cli.agents import Agent
from tests.cli.conftest import URL, Done
from tests.upstream.server import Upstream

type Dashcam = Callable[..., Done]

RULES = [IgnoreRule("regex", r"it's \d+\s", "GET crm.*"), IgnoreRule("json", "$.a")]
LINES = [r"[GET crm.*] regex it's \d+\s", "json $.a"]


@pytest.mark.parametrize(
    "before",
    [
        "",
        "# mine\nlabel = 'x'\n\n[redaction]\npii = true\n",
        "label = 'x'\nignore_rules = ['json $.a']  # old\n[redaction]\npii = true\n",
        "ignore_rules = [\n  'json $.a', # ] \n]\nlabel = 'x'\n",
        "[redaction]\npii = true",
        "label = 'x'",
    ],
)
def test_rules_in_the_settings_file(folder: Path, before: str) -> None:
    file = folder / "dashcam.toml"
    if before:
        file.write_text(before)
    assert into_config(Path("dashcam.toml"), RULES) == Path("dashcam.toml")
    assert sorted(load().ignore_rules) == sorted(LINES)
    other = {**tomllib.loads(file.read_text()), "ignore_rules": 0}
    assert other == {**tomllib.loads(before), "ignore_rules": 0}
    again = file.read_text()
    into_config(Path("dashcam.toml"), RULES)
    assert file.read_text() == again


def test_a_settings_file_that_is_broken_stays_as_it_is(folder: Path) -> None:
    (folder / "dashcam.toml").write_text("label = ")
    with pytest.raises(ConfigError, match="not valid TOML"):
        into_config(Path("dashcam.toml"), RULES)
    assert (folder / "dashcam.toml").read_text() == "label = "


def test_which_settings_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config_file(None) == Path("dashcam.toml")
    monkeypatch.setenv("DASHCAM_CONFIG", "other.toml")
    assert config_file(None) == Path("other.toml")
    assert config_file(Path("named.toml")) == Path("named.toml")


def test_suggested_rules_make_a_miss_match_wherever_they_are_written(
    dashcam: Dashcam, upstream: Upstream, folder: Path
) -> None:
    agent = Agent(upstream.http)
    assert dashcam("run", "--id", "r1", "--", *agent("chat:m:Ticket 17 is open")).code == 0
    assert dashcam("export", "r1", "--to", "r1.dashcam.jsonl").code == 0
    upstream.stop()
    other = agent("chat:m:Ticket 18 is open")

    suggested = dashcam("replay", "r1", "--suggest", "--json", "--", *other)
    assert suggested.code == 2
    (found,) = json.loads(suggested.err.strip().splitlines()[-1])["suggested"]
    assert found["lines"] == [r"[openai.chat] regex Ticket \d+ is open"]
    assert dashcam("replay", "r1", "--", *other).code == 2, "nothing was accepted"

    accepted = dashcam("replay", "r1", "--accept", "--", *other)
    assert accepted.code == 2
    assert "ignore:" in accepted.err
    assert "accepted: the rules are in r1" in accepted.err
    again = dashcam("replay", "r1", "--", *other)
    assert again.code == 0, again.err
    store = open_store(URL, create=False)
    run = store.find_run("r1")
    store.close()
    assert (run.outcome, run.metadata["exitCode"]) == ("Completed", 0), "the rest stays"

    file = "r1.dashcam.jsonl"
    assert "accepted" in dashcam("replay", file, "--accept-config", "--", *other).err
    assert dashcam("replay", file, "--", *other).code == 0
    (folder / "dashcam.toml").unlink()
    assert "accepted" in dashcam("replay", file, "--accept", "--", *other).err
    assert dashcam("replay", file, "--", *other).code == 0
