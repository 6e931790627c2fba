import re
import shlex
from pathlib import Path

import pytest

from proxy.launch import environment as module
from proxy.launch.environment import (
    CA_VARIABLES,
    EXTRA_CA_VARIABLES,
    NO_PROXY_VARIABLES,
    PROXY_VARIABLES,
    REMOVED,
    SWITCHES,
    child_environment,
)
from proxy.launch.kit import Kit

PROXY = "http://run-1:x@127.0.0.1:4711"
DOCS = Path(__file__).parents[2] / "docs" / "capture.md"


def kit(folder: str = "/k", java: str | None = None) -> Kit:
    root = Path(folder)
    return Kit(
        folder=root,
        bundle=root / "b.pem",
        extra=root / "e.pem",
        wgetrc=root / "wgetrc",
        python=root / "python",
        node=root / "n.cjs",
        java=Path(java) if java else None,
    )


def environment(base: dict[str, str] | None = None, **options: object) -> dict[str, str]:
    given: dict[str, object] = {"run_id": "run-1", "api": None, "token": None, "kit": kit()}
    return child_environment(base or {}, proxy=PROXY, **(given | options))  # type: ignore[arg-type]  # options are typed at each caller's


def test_every_variable_of_the_tables_is_set() -> None:
    env = environment()
    assert {env[name] for name in PROXY_VARIABLES} == {PROXY}
    assert {env[name] for name in CA_VARIABLES} == {"/k/b.pem"}
    assert {env[name] for name in EXTRA_CA_VARIABLES} == {"/k/e.pem"}
    assert {env[name] for name in NO_PROXY_VARIABLES} == {""}
    assert SWITCHES.items() <= env.items()
    assert env["WGETRC"] == "/k/wgetrc"
    assert env["PYTHONPATH"] == "/k/python"
    assert env["NODE_OPTIONS"] == "--require /k/n.cjs"
    assert "JAVA_TOOL_OPTIONS" not in env


def test_proxy_is_named_in_both_cases() -> None:
    assert {name.lower() for name in PROXY_VARIABLES} <= set(PROXY_VARIABLES)
    assert {name.upper() for name in PROXY_VARIABLES} <= set(PROXY_VARIABLES)


def test_the_users_own_values_are_kept_and_extended() -> None:
    base = {
        "PYTHONPATH": "/mine:/too",
        "NODE_OPTIONS": "--max-old-space-size=1024",
        "JAVA_TOOL_OPTIONS": "-Xmx1g",
        "EDITOR": "vi",
    }
    env = environment(base, kit=kit(java="/k/b.p12"))
    assert env["PYTHONPATH"] == "/k/python:/mine:/too"
    assert env["NODE_OPTIONS"] == "--max-old-space-size=1024 --require /k/n.cjs"
    assert env["JAVA_TOOL_OPTIONS"].startswith("-Xmx1g -D")
    assert env["EDITOR"] == "vi"
    assert "HTTPS_PROXY" not in base


def test_an_empty_pythonpath_does_not_add_the_current_folder() -> None:
    assert environment({"PYTHONPATH": ""})["PYTHONPATH"] == "/k/python"


def test_what_would_outweigh_the_bundle_is_removed() -> None:
    env = environment(dict.fromkeys(REMOVED, "/etc/ssl/certs"))
    assert not set(REMOVED) & set(env)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ""),
        ({"keep_no_proxy": ["db.corp", ".internal"]}, "db.corp,.internal"),
        ({"loopback": False}, "localhost,127.0.0.1,::1"),
        ({"loopback": False, "keep_no_proxy": ["db.corp"]}, "localhost,127.0.0.1,::1,db.corp"),
    ],
)
def test_no_proxy(options: dict[str, object], expected: str) -> None:
    env = environment({"NO_PROXY": "localhost", "no_proxy": "localhost"}, **options)
    assert env["NO_PROXY"] == env["no_proxy"] == expected


def test_the_child_is_told_of_run_and_api() -> None:
    env = environment(api="http://127.0.0.1:8081", token="t")
    told = {name: value for name, value in env.items() if name.startswith("DASHCAM_")}
    assert told == {
        "DASHCAM_RUN": "run-1",
        "DASHCAM_API": "http://127.0.0.1:8081",
        "DASHCAM_TOKEN": "t",
    }


def test_an_outer_runs_api_is_not_handed_on() -> None:
    env = environment({"DASHCAM_API": "http://outer", "DASHCAM_TOKEN": "o", "DASHCAM_RUN": "o"})
    assert env["DASHCAM_RUN"] == "run-1"
    assert not {"DASHCAM_API", "DASHCAM_TOKEN"} & set(env)


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/k", "--require /k/n.cjs"),
        ("/my kit", '--require "/my kit/n.cjs"'),
        ('/a"b\\c', '--require "/a\\"b\\\\c/n.cjs"'),
    ],
)
def test_node_option_is_one_word(folder: str, expected: str) -> None:
    assert environment(kit=kit(folder))["NODE_OPTIONS"] == expected


def test_java_options() -> None:
    env = environment(kit=kit(java="/my kit/b.p12"), loopback=False, keep_no_proxy=["db.corp"])
    assert shlex.split(env["JAVA_TOOL_OPTIONS"]) == [
        "-Dhttp.proxyHost=127.0.0.1",
        "-Dhttp.proxyPort=4711",
        "-Dhttps.proxyHost=127.0.0.1",
        "-Dhttps.proxyPort=4711",
        "-Dhttp.nonProxyHosts=localhost|127.0.0.1|::1|db.corp",
        "-Djavax.net.ssl.trustStore=/my kit/b.p12",
        "-Djavax.net.ssl.trustStoreType=PKCS12",
        "-Djavax.net.ssl.trustStorePassword=changeit",
    ]
    assert "-Dhttp.nonProxyHosts= " in environment(kit=kit(java="/b"))["JAVA_TOOL_OPTIONS"]


def test_docs_name_every_variable_and_no_other() -> None:
    table = DOCS.read_text().partition("## The variables")[2].partition("\n## ")[0]
    first = "\n".join(line.split("|")[1] for line in table.splitlines() if line.startswith("|"))
    named = set(re.findall(r"`([A-Za-z0-9_]+)`", first))
    upper = {name for name in PROXY_VARIABLES + NO_PROXY_VARIABLES if name.isupper()}
    told = {"DASHCAM_RUN", "DASHCAM_API", "DASHCAM_TOKEN"}
    written = {"WGETRC", "PYTHONPATH", "NODE_OPTIONS", "JAVA_TOOL_OPTIONS"}
    tables = {*CA_VARIABLES, *EXTRA_CA_VARIABLES, *SWITCHES, *REMOVED}
    assert named == upper | told | written | tables
    assert module.__doc__ is not None
    assert "docs/capture.md" in module.__doc__
