import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Done

type Dashcam = Callable[..., Done]


def test_it_is_made_once_shown_and_rotated(dashcam: Dashcam) -> None:
    first = json.loads(dashcam("ca", "--json").out)
    assert json.loads(dashcam("ca", "show", "--json").out) == first
    path = Path(dashcam("ca", "path").out.strip())
    assert path.read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")
    assert b"PRIVATE" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    assert json.loads(dashcam("ca", "rotate", "--json").out)["fingerprint"] != first["fingerprint"]


def test_the_bundle_holds_it_among_the_public_roots(dashcam: Dashcam) -> None:
    own = Path(dashcam("ca", "path").out.strip()).read_text()
    bundle = Path(dashcam("ca", "bundle").out.strip()).read_text()
    assert own.strip() in bundle
    assert bundle.count("BEGIN CERTIFICATE") > 1


def test_one_that_can_only_sign_some_hosts(dashcam: Dashcam) -> None:
    made = json.loads(dashcam("ca", "create", "--host", "api.openai.com", "--json").out)
    assert made["onlyFor"] == ["api.openai.com"]


@pytest.mark.parametrize("arguments", [("create",), ("show", "--host", "a.test"), ("burn",)])
def test_wrong_usage(dashcam: Dashcam, arguments: tuple[str, ...]) -> None:
    assert dashcam("ca", *arguments).code == 2
