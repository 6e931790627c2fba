"""Runs that failed though everything outside of them worked."""

from proxy.core.model import End
from tests.conformance.traffic import (
    ANSWER,
    FIND,
    Incident,
    anthropic,
    back,
    chat,
    chat_stream,
    crm,
    gemini,
    ollama,
    output_text,
    responses,
    rounds,
    say,
    use,
)

BAD_DECISIONS: dict[str, Incident] = {
    "the same search for ever": Incident(
        tuple(rounds(5, "crm_find")),
        "Bad Decision",
        "loop",
        (1, 2, 3, 4, 5),
        "called 5 times",
    ),
    "search and read for ever": Incident(
        tuple(rounds(8, "crm_find", "crm_read")),
        "Bad Decision",
        "loop",
        tuple(range(1, 9)),
        "crm_find → crm_read called 4 times",
    ),
    "seven times the same, and then an answer": Incident(
        (*rounds(7, "crm_find"), chat("Nothing", results=back(7))),
        "Bad Decision",
        "loop",
        tuple(range(1, 8)),
        "called 7 times",
    ),
    "a tool that there is not": Incident(
        (
            chat(asks_for=(("crm_serach", "{}"),)),
            chat("I searched", results=back(1, "no such tool")),
        ),
        "Bad Decision",
        "unknown_tool",
        (1,),
        "`crm_serach` is not one of the 3 tools",
    ),
    "a tool that there is not, in Anthropic's format": Incident(
        (anthropic(use("crm_fnd", customerId="c-1"), stop="tool_use"),),
        "Bad Decision",
        "unknown_tool",
        (1,),
        "there is `crm_find`",
    ),
    "a refund that never happened": Incident(
        (
            chat(asks_for=FIND),
            crm(),
            chat(asks_for=(("refund", '{"customerId": "c-1"}'),), results=back(1), start=1),
        ),
        "Bad Decision",
        "premature_end",
        (3,),
        "refund asked for and never called",
    ),
    "an end before the tool, in Gemini's format": Incident(
        (gemini({"functionCall": {"name": "crm_find", "args": {"customerId": "c"}}}),),
        "Bad Decision",
        "premature_end",
        (1,),
        "crm_find asked for",
    ),
    "an end before the tool, in the Responses format": Incident(
        (
            responses(
                {
                    "type": "function_call",
                    "call_id": "c",
                    "name": "crm_find",
                    "arguments": '{"customerId":"c"}',
                }
            ),
        ),
        "Bad Decision",
        "premature_end",
        (1,),
        "crm_find asked for",
    ),
}

BAD_OUTPUTS: dict[str, Incident] = {
    "an answer that breaks its schema": Incident(
        (
            chat(
                '{"ok": "yes"}',
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "a", "schema": ANSWER},
                },
            ),
        ),
        "Bad Output",
        "structured_output",
        (1,),
        "$.ok: it should be true or false",
        True,
    ),
    "an answer in a fence, in Anthropic's format": Incident(
        (
            anthropic(
                say("```json\n{}\n```"),
                output_config={"format": {"type": "json_schema", "schema": ANSWER}},
            ),
        ),
        "Bad Output",
        "structured_output",
        (1,),
        "Markdown fence",
        True,
    ),
    "an answer that breaks its schema, in Gemini's format": Incident(
        (
            gemini(
                {"text": "{}"},
                responseMimeType="application/json",
                responseSchema={"type": "OBJECT", "required": ["ok"]},
            ),
        ),
        "Bad Output",
        "structured_output",
        (1,),
        "`ok` is missing",
        True,
    ),
    "out of tokens": Incident(
        (chat("It is", finish="length", max_tokens=30),),
        "Bad Output",
        "truncated",
        (1,),
        "after 30 tokens",
        True,
    ),
    "out of tokens, in Anthropic's format": Incident(
        (anthropic(say("It is"), stop="max_tokens"),),
        "Bad Output",
        "truncated",
        (1,),
        "100 were allowed",
        True,
    ),
    "out of tokens, in the Responses format": Incident(
        (responses(output_text("It is"), status="incomplete"),),
        "Bad Output",
        "truncated",
        (1,),
        "max_output_tokens",
        True,
    ),
    "out of tokens, in Ollama's format": Incident(
        (ollama("It is", "length"),),
        "Bad Output",
        "truncated",
        (1,),
        "length",
        True,
    ),
    "a filter": Incident(
        (chat("", finish="content_filter"),),
        "Bad Output",
        "withheld",
        (1,),
        "held back",
        False,
    ),
    "a filter, in Gemini's format": Incident(
        (gemini(finish="SAFETY"),),
        "Bad Output",
        "withheld",
        (1,),
        "safety",
        False,
    ),
    "a refusal, in Anthropic's format": Incident(
        (anthropic(stop="refusal"),),
        "Bad Output",
        "withheld",
        (1,),
        "refused",
        False,
    ),
    "a refusal, in the Responses format": Incident(
        (
            responses(
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "refusal", "refusal": "No"}],
                }
            ),
        ),
        "Bad Output",
        "withheld",
        (1,),
        "refused",
        False,
    ),
    "a process that failed": Incident(
        (chat("Done"),),
        "Bad Output",
        "exit_code",
        (),
        "exit code 3",
        None,
        3,
    ),
}

TIMEOUTS: dict[str, Incident] = {
    "an upstream that did not answer": Incident(
        (chat(asks_for=FIND), crm(0, end=End.UPSTREAM_TIMEOUT, took=30.0), chat("Sorry")),
        "Timeout",
        "timeout",
        (2,),
        "30.0 s",
        True,
    ),
    "a client that gave up": Incident(
        (chat_stream({"delta": {"content": "He"}}, done=False, end=End.CLIENT_GONE, took=60.0),),
        "Timeout",
        "timeout",
        (1,),
        "gave up",
        True,
        1,
    ),
    "a clock": Incident(
        (chat(asks_for=FIND), crm()),
        "Timeout",
        "timeout",
        (2,),
        "time limit",
        True,
        124,
    ),
}

COST_BLOWUPS: dict[str, Incident] = {
    "far over its budget": Incident(
        (chat("draft", tokens=(400_000, 20_000)), chat("done", tokens=(1_000, 10))),
        "Cost Blowup",
        "cost",
        (1, 2),
        "of a budget of $0.2500",
        False,
        0,
        {"budgetUsd": "0.25"},
    ),
    "more tokens than it may, in another format": Incident(
        (anthropic(say("done")),),
        "Cost Blowup",
        "cost",
        (1,),
        "120 tokens spent",
        False,
        0,
        {"budgetTokens": 100},
    ),
}
