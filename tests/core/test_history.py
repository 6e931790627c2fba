import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.calls import Call, Message, ToolResult, ToolUse
from proxy.core.history import history

USER = Message("user", "Where is order 7?")
ASKS = Message("assistant", "", (ToolUse("call_1", "find", {"b": 1, "a": 2}),))
FOUND = Message("tool", tool_results=(ToolResult("call_1", "find", {"at": "Rome"}),))


def call(*messages: Message, reply: Message | None = None) -> Call:
    return Call("llm_call", "openai.chat", "openai_chat", messages=messages, reply=reply)


def continues(earlier: Call, later: Call) -> bool:
    marks = history(earlier).answered
    assert marks is not None
    return marks[-1].so_far in {turn.so_far for turn in history(later).asked}


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ((USER, ASKS, FOUND), True),
        ((Message("system", "It is noon."), USER, ASKS, FOUND), True),
        ((USER, Message("assistant", "  ", ASKS.tool_uses, reasoning="Hm"), FOUND), True),
        ((USER, Message("model", "", (ToolUse("other", "find", {"a": 2, "b": 1}),))), True),
        ((USER, Message("assistant", "", (ToolUse("call_1", "find", {"a": 3}),)), FOUND), False),
        ((Message("user", "Where is order 8?"), ASKS, FOUND), False),
        ((USER, USER), False),
        ((), False),
    ],
)
def test_what_counts_as_a_continuation(later: tuple[Message, ...], expected: bool) -> None:
    assert continues(call(USER, reply=ASKS), call(*later)) is expected


def test_neighbours_of_one_side_are_one_turn() -> None:
    parts = call(USER, Message("assistant", "One. "), Message("assistant", "Two."))
    assert continues(call(USER, reply=Message("assistant", "One. Two.")), parts)


@pytest.mark.parametrize("reply", [None, Message("assistant", " \n")])
def test_no_answer_has_no_mark(reply: Message | None) -> None:
    assert history(call(USER, reply=reply)).answered is None


def test_arguments_that_are_no_json_have_marks_too() -> None:
    broken = Message("assistant", "", (ToolUse("c", "find", None, '{"a": '),))
    odd = Message("user", tool_results=(ToolResult("c", None, {1: object}),))
    assert continues(call(USER, reply=broken), call(USER, broken, odd))


@given(st.lists(st.sampled_from(["user", "assistant", "system"]), max_size=6))
def test_the_answer_is_marked_as_it_will_be_when_it_is_sent_again(roles: list[str]) -> None:
    messages = tuple(Message(role, f"text {n}") for n, role in enumerate(roles))
    reply = Message("assistant", "the answer")
    call = Call("llm_call", "s", "p", messages=messages, reply=reply)
    again = Call("llm_call", "s", "p", messages=(*messages, reply))
    assert history(call).answered == history(again).asked
