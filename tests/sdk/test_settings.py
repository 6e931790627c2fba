from pathlib import Path

import dashcam
import pytest
from dashcam import settings
from dashcam.settings import Api


@pytest.mark.parametrize(
    ("env", "in_the_way", "api"),
    [
        ({}, False, None),
        ({"DASHCAM_RUN": ""}, False, None),
        ({"DASHCAM_RUN": "r"}, True, None),
        ({"DASHCAM_API": "http://127.0.0.1:1/"}, True, Api("http://127.0.0.1:1", None)),
        ({"DASHCAM_API": "http://h", "DASHCAM_TOKEN": "t"}, True, Api("http://h", "t")),
        ({"DASHCAM_TOKEN": "t"}, False, None),
        ({"HTTPS_PROXY": "http://127.0.0.1:1"}, False, None),
    ],
)
def test_the_environment(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], in_the_way: bool, api: Api | None
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert settings.in_the_way() is in_the_way
    assert settings.api() == api
    assert settings.environment_run() == (env.get("DASHCAM_RUN") or None)


def test_configure_outweighs_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHCAM_API", "http://env")
    monkeypatch.setenv("DASHCAM_TOKEN", "env")
    dashcam.configure(api="http://told/")
    assert settings.api() == Api("http://told", "env")
    dashcam.configure(api="http://told", token="told")
    assert settings.api() == Api("http://told", "told")
    dashcam.configure()
    assert settings.api() == Api("http://env", "env")


def test_the_token_of_this_machine_is_told_to_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "api-token").write_text("own\n")
    monkeypatch.setenv("DASHCAM_HOME", str(tmp_path))
    for host, token in (("127.0.0.1:1", "own"), ("localhost", "own"), ("[::1]:8", "own")):
        dashcam.configure(api=f"http://{host}")
        assert settings.api() == Api(f"http://{host}", token)
    for host in ("dashcam.example.com", "127.0.0.1.evil.test", "127.0.0.1@evil.test", "[::1"):
        dashcam.configure(api=f"http://{host}")
        assert settings.api() == Api(f"http://{host}", None)
    monkeypatch.setenv("DASHCAM_TOKEN", "given")
    dashcam.configure(api="http://127.0.0.1")
    assert settings.api() == Api("http://127.0.0.1", "given")


def test_configure_alone_is_enough() -> None:
    dashcam.configure(api="http://127.0.0.1:8081")
    assert settings.in_the_way()
