from proxy.core.replay.asks import Ask
from proxy.mcp.asking_back import AskingBack
from tests.mcp.test_replaying import answered, asked

SAMPLE = asked(0, "sampling/createMessage", messages=[])
ROOTS = asked("r", "roots/list")
ANSWER = b"first\nsecond\nlast\n"


def test_an_answer_goes_on_when_the_client_has_said_its_part() -> None:
    back = AskingBack()
    assert back.begin(ANSWER, [Ask(0, SAMPLE), Ask(2, ROOTS)]) == SAMPLE
    assert back.answered(answered(7)) == b""
    assert back.answered(b"junk") == b""
    assert back.answered(answered(0)) == b"first\nsecond\n" + ROOTS
    assert back.answered(answered("r")) == b"last\n"
    assert back.answered(answered("r")) == b""


def test_answers_wait_side_by_side() -> None:
    back = AskingBack()
    assert back.begin(b"one\n", [Ask(0, SAMPLE)]) == SAMPLE
    assert back.begin(ANSWER, []) == ANSWER
    assert back.begin(b"", []) == b""
    assert back.begin(b"two\n", [Ask(0, ROOTS)]) == ROOTS
    assert back.answered(answered("r")) == b"two\n"
    assert back.answered(answered(0)) == b"one\n"
