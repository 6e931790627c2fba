import socket
from collections.abc import Callable

from tests.cli.conftest import Done

type Dashcam = Callable[..., Done]


def test_a_taken_port_is_one_clear_line(dashcam: Dashcam) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = dashcam("up", "--listen", f"127.0.0.1:{port}", "--api", "127.0.0.1:0")
    assert done.code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.err
    assert "--listen" in done.err


def test_an_api_for_everybody_wants_a_token(dashcam: Dashcam) -> None:
    done = dashcam("up", "--api", "0.0.0.0:0")
    assert done.code == 2
    assert "DASHCAM_TOKEN" in done.err


def test_a_recording_that_is_not_there(dashcam: Dashcam) -> None:
    done = dashcam("up", "--listen", "127.0.0.1:0", "--api", "127.0.0.1:0", "--replay", "nobody")
    assert done.code == 1
    assert "nobody" in done.err
