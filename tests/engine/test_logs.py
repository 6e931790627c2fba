import logging

import pytest

from proxy.core.redaction.redactor import Redactor
from proxy.engine import logs

KEY = "sk-proj-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2Yz3"
log = logging.getLogger("proxy.somewhere")


def _fail() -> None:
    raise ValueError(f"cannot read {KEY}")


def test_messages_and_tracebacks_are_printed_without_secrets(
    capsys: pytest.CaptureFixture[str],
) -> None:
    undo = logs.install(Redactor(bytes(32)).text)
    try:
        log.warning("the answer was %s", KEY)
        log.info("nobody asked")
        try:
            _fail()
        except ValueError:
            log.exception("a request failed")
    finally:
        undo()
    said = capsys.readouterr().err
    assert "the answer was SECRET-openai-" in said
    assert "a request failed\nTraceback (most recent call last)" in said
    assert "ValueError: cannot read SECRET-openai-" in said
    assert KEY not in said
    assert "nobody asked" not in said
    log.warning("nobody hears this")
    assert not capsys.readouterr().err.startswith("nobody")


def test_what_cannot_be_redacted_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(_text: str) -> str:
        raise RuntimeError

    undo = logs.install(broken)
    log.error("the answer was %s", KEY)
    undo()
    assert capsys.readouterr().err == "(a log line could not be redacted and is left out)\n"


def test_a_crash_is_printed_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="cannot read") as caught:
        _fail()
    logs.crashed(Redactor(bytes(32)).text, ValueError, caught.value, caught.tb)
    said = capsys.readouterr().err
    assert "in _fail" in said
    assert KEY not in said
