import errno
import os

import pytest

from proxy.engine.ports import listen_error


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EADDRINUSE, "cannot listen on 127.0.0.1:80: "),
        (errno.EACCES, "no permission to listen on"),
    ],
)
def test_one_line_with_what_to_do(number: int, said: str) -> None:
    error = listen_error("127.0.0.1", 80, OSError(number, os.strerror(number)))
    assert error.message.startswith(said)
    assert "\n" not in error.message
    assert "--listen" in (error.hint or "")
