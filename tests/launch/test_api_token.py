import os
import stat
from pathlib import Path

import pytest

from proxy.errors import DashcamError
from proxy.launch import api_token


def test_it_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    before = os.umask(0)
    try:
        token = api_token.load_or_make(home)
    finally:
        os.umask(before)
    assert len(token) >= 43  # 256 bits
    assert api_token.load_or_make(home) == token
    assert api_token.load_or_make(tmp_path / "other") != token
    (file,) = home.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("mode", "text", "said"), [(0o644, "x", "open to others"), (0o600, "", "is empty")]
)
def test_one_that_cannot_be_used_is_refused(
    tmp_path: Path, mode: int, text: str, said: str
) -> None:
    file = tmp_path / api_token.NAME
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(DashcamError, match=said) as caught:
        api_token.load_or_make(tmp_path)
    assert f"remove {file}" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("host", "env", "token"),
    [
        ("127.0.0.1", {}, "own"),
        ("localhost", {}, "own"),
        ("::1", {}, "own"),
        ("dashcam.example.com", {}, ""),
        ("192.168.1.2", {}, ""),
        ("dashcam.example.com", {"DASHCAM_TOKEN": "given"}, "given"),
        ("127.0.0.1", {"DASHCAM_TOKEN": "given"}, "given"),
        ("127.0.0.1", {"DASHCAM_HOME": "/nowhere"}, ""),
    ],
)
def test_no_other_machine_is_told_it(
    tmp_path: Path, host: str, env: dict[str, str], token: str
) -> None:
    (tmp_path / api_token.NAME).write_text("own\n")
    assert api_token.known(host, {"DASHCAM_HOME": str(tmp_path), **env}) == token
