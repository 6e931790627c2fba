"""Credentials on command lines and in `.netrc`."""

import json

import pytest

from proxy.core.redaction import arguments

TOKEN = "SECRET-credential-0123456789ab"


def found(text: str) -> list[str]:
    return [find.value.decode() for find in arguments.find(text.encode())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tool --api-key V4lue9x -v", ["V4lue9x"]),
        ("tool -v --password 'V4 lue' x", []),
        ("tool -v --password 'V4lue;x' x", ["V4lue;x"]),
        ('["--api-key","V4lue9x"]', ["V4lue9x"]),
        ("['--api-key', 'V4lue9x']", ["V4lue9x"]),
        (json.dumps({"args": json.dumps(["--api-key", "V4lue9x"])}), ["V4lue9x"]),
        (json.dumps(["--api-key", "V4lue9x"], indent=2), ["V4lue9x"]),
        ("args:\n  - --token\n  - V4lue9xyz1\n", ["V4lue9xyz1"]),
        (json.dumps('args:\n- "--token"\n- "V4lue9xyz1"\n'), ["V4lue9xyz1"]),
        ("app -token V4lue9xyz1", ["V4lue9xyz1"]),
        ("app --authorization 'Bearer V4lue9x'", ["V4lue9x"]),
        ("curl --cookie 'sid=1x; b=2y' u", ["1x", "2y"]),
        ("--token is a word; --password required and --token value", []),
        ("pass --api-key --verbose, or --token option-name", []),
        ("tool --password $PASS --api-key <your-key> --secret $(cat x)", []),
        ("--max-tokens 4096 --page-token a1b2c3d4e5", []),
        ("pre--password V4lue9x", []),
        (f"tool --api-key {TOKEN}", []),
        ('{"required": ["--password", "--user"]}', []),
    ],
)
def test_flags(text: str, expected: list[str]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("curl -u me:letmein https://x", ["letmein"]),
        ("curl -ume:letmein https://x", ["letmein"]),
        ("curl -s --user 'me:let me in' https://x", ["let me in"]),
        ("curl --proxy-user=me:letmein https://x", ["letmein"]),
        ('["curl","-u","me:letmein"]', ["letmein"]),
        (json.dumps({"cmd": 'curl -u "me:letmein" x'}), ["letmein"]),
        ("curl -u a1b2c3d4e5f6: https://x", ["a1b2c3d4e5f6"]),
        ("http -u me:V4lue9xyz x", ["V4lue9xyz"]),
        ("curl -u me:$PASS -u me:${PASS} -u me:<password> x", []),
        (f"curl -u me:{TOKEN} x", []),
        ("docker run -u 1000:1000 x", []),
        ("ffuf -u http://x:8080/a1b2c3d4", []),
        ("git push -u origin main:x", []),
        ("sort -u file; ls -unsorted:a1b2c3d4e5", []),
    ],
)
def test_users(text: str, expected: list[str]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("machine h.io login me password letmein", ["letmein"]),
        ("machine h\n  login me\n  password letmein\n", ["letmein"]),
        (json.dumps("machine h\nlogin me\naccount a\npassword letmein\n"), ["letmein"]),
        ("machine h password letmein", ["letmein"]),
        ("default login anonymous password V4lue9x", ["V4lue9x"]),
        ("your login or password is required", []),
        ("a machine with a password and a login", []),
        (f"machine h login me password {TOKEN}", []),
    ],
)
def test_netrc(text: str, expected: list[str]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text", ["-", "--a", "-u ", "--token '", "machine h ", "login a password "]
)
def test_time_is_linear(text: str) -> None:
    assert found(text * 20_000) in ([], ["login"])
