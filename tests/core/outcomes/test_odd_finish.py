import pytest

from tests.core.outcomes.facts import COMPLETED, Cases, check, facts, tool, turn

ANSWER = "openai.chat: the model ended its answer "
EMPTY = {"empty": True, "complete": True}
CASES: Cases = {
    "a malformed tool call": (
        facts(turn(finish="MALFORMED_FUNCTION_CALL")),
        (
            "Failed",
            "Bad Output",
            ANSWER + "(malformed_function_call): its tool call was malformed",
            True,
            "odd_finish",
            (1,),
        ),
    ),
    "a pause that nobody ended": (
        facts(turn(reply="…", finish="pause_turn")),
        (
            "Failed",
            "Bad Decision",
            ANSWER + "(pause_turn): it paused, and nobody let it go on",
            True,
            "odd_finish",
            (1,),
        ),
    ),
    "an error of the provider's": (
        facts(turn(finish="ERROR")),
        (
            "Failed",
            "Tool Error",
            "openai.chat: the model ended its answer (error): the provider ended it with an error",
            True,
            "odd_finish",
            (1,),
        ),
    ),
    "nothing in it": (
        facts(turn(call=EMPTY)),
        (
            "Failed",
            "Bad Output",
            "openai.chat: the answer is empty (stop)",
            True,
            "odd_finish",
            (1,),
        ),
    ),
    "nothing to say after a tool": (facts(turn(("crm", 1)), tool(), turn(call=EMPTY)), COMPLETED),
    "nothing was asked for": (
        facts(turn(call={**EMPTY, "settings": {"max_tokens": 0}})),
        COMPLETED,
    ),
    "it went on": (facts(turn(finish="pause_turn"), turn(reply="Done")), COMPLETED),
    "an answer": (facts(turn(reply="Done")), COMPLETED),
}


@pytest.mark.parametrize("case", CASES)
def test_judge(case: str) -> None:
    check(*CASES[case])
