"""More runs that failed though everything outside of them worked."""

from proxy.core.model import End
from tests.conformance.traffic import (
    ANSWER,
    ASKS,
    FIND,
    GEMINI,
    WAIT,
    Incident,
    anthropic,
    bedrock,
    chat,
    chat_error,
    chat_stream,
    cohere,
    crm,
    gemini,
    http,
    responses,
    rounds,
    say,
    told,
    tool,
)

MORE_FAILURES: dict[str, Incident] = {
    "tool timeout upstream": Incident(
        (
            ASKS,
            tool("https://crm.test/find", b"", status=0, end=End.UPSTREAM_TIMEOUT, took=30.0),
            told(("call_0", "x")),
        ),
        "Timeout",
        "timeout",
        (2,),
    ),
    "promise": Incident(
        (chat("Sure! I'll look up the customer record now."),), "Bad Decision", "promised", (1,)
    ),
    "promise after find": Incident(
        (ASKS, crm(), chat("I found Jo. I will now issue the refund.", results={"call_0": "Jo"})),
        "Bad Decision",
        "promised",
        (3,),
    ),
    "claimed not done": Incident(
        (ASKS, crm(), chat("I have issued the refund for c-1.", results={"call_0": "Jo"})),
        "Bad Decision",
        "promised",
        (3,),
    ),
    "empty": Incident((chat(""),), "Bad Output", "odd_finish", (1,)),
    "empty anthropic": Incident((anthropic(),), "Bad Output", "odd_finish", (1,)),
    "empty gemini": Incident((gemini(),), "Bad Output", "odd_finish", (1,)),
    "textual refusal": Incident(
        (chat("I'm sorry, but I can't assist with that request."),), "Bad Output", "withheld", (1,)
    ),
    "boilerplate": Incident(
        (chat("As an AI language model, I cannot access customer records."),),
        "Bad Output",
        "withheld",
        (1,),
    ),
    "json_object not json": Incident(
        (chat("Sure, here it is", response_format={"type": "json_object"}),),
        "Bad Output",
        "structured_output",
        (1,),
    ),
    "bedrock guardrail": Incident(
        (bedrock({"text": "Blocked"}, stop="guardrail_intervened"),), "Bad Output", "withheld", (1,)
    ),
    "bedrock max_tokens": Incident(
        (bedrock({"text": "abc"}, stop="max_tokens"),), "Bad Output", "truncated", (1,)
    ),
    "bedrock malformed tool": Incident(
        (bedrock({"text": ""}, stop="malformed_tool_use"),), "Bad Output", "odd_finish", (1,)
    ),
    "gemini malformed function call": Incident(
        (gemini(finish="MALFORMED_FUNCTION_CALL"),), "Bad Output", "odd_finish", (1,)
    ),
    "gemini unexpected tool": Incident(
        (gemini(finish="UNEXPECTED_TOOL_CALL"),), "Bad Decision", "odd_finish", (1,)
    ),
    "gemini max tokens": Incident(
        (gemini({"text": "abc"}, finish="MAX_TOKENS"),), "Bad Output", "truncated", (1,)
    ),
    "gemini prohibited": Incident(
        (gemini(finish="PROHIBITED_CONTENT"),), "Bad Output", "withheld", (1,)
    ),
    "cohere max": Incident((cohere("x", finish="MAX_TOKENS"),), "Bad Output", "truncated", (1,)),
    "cohere premature": Incident(
        (cohere(calls=(("crm_find", '{"customerId":"c"}'),)),),
        "Bad Decision",
        "premature_end",
        (1,),
    ),
    "search-read loop": Incident(
        tuple(rounds(8, "crm_find", "crm_read")), "Bad Decision", "loop", (1, 2, 3, 4, 5, 6, 7, 8)
    ),
    "anth pause": Incident(
        (anthropic({"type": "text", "text": "…"}, stop="pause_turn"),),
        "Bad Decision",
        "odd_finish",
        (1,),
    ),
    "client gone mid stream": Incident(
        (chat_stream({"delta": {"content": "a"}}, done=False, end=End.CLIENT_GONE),),
        "Timeout",
        "timeout",
        (1,),
    ),
    "budget time": Incident(
        (ASKS, crm(), told(("call_0", "x"), text="Jo")),
        "Timeout",
        "timeout",
        (1, 2, 3),
        metadata={"budgetMs": 1000},
    ),
    "responses refusal": Incident(
        (
            responses(
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "refusal", "refusal": "I can't help"}],
                }
            ),
        ),
        "Bad Output",
        "withheld",
        (1,),
    ),
    "responses content filter": Incident(
        (
            http(
                "https://api.openai.com/v1/responses",
                {
                    "id": "r",
                    "object": "response",
                    "status": "incomplete",
                    "incomplete_details": {"reason": "content_filter"},
                    "output": [],
                },
                {"model": "gpt-4o", "input": "hi"},
            ),
        ),
        "Bad Output",
        "withheld",
        (1,),
    ),
    "429 then client timeout": Incident(
        (
            ASKS,
            *[crm(429, {"error": "slow down"}, says=WAIT)] * 3,
            crm(0, b"", end=End.CLIENT_GONE, took=30),
        ),
        "Timeout",
        "timeout",
        (2, 3, 4, 5),
        exit_code=1,
    ),
    "gemini blocked prompt": Incident(
        (
            http(
                GEMINI,
                {
                    "promptFeedback": {"blockReason": "SAFETY"},
                    "usageMetadata": {"promptTokenCount": 3},
                },
                {"contents": [{"parts": [{"text": "x"}]}]},
            ),
        ),
        "Bad Output",
        "withheld",
        (1,),
    ),
    "early stop w/ parallel tool calls, one done": Incident(
        (chat(asks_for=(*FIND, ("refund", '{"customerId":"c-1"}'))), crm()),
        "Bad Decision",
        "premature_end",
        (1,),
    ),
    "structured invalid enum": Incident(
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
    ),
    "ping pong local": Incident(
        tuple(rounds(8, "crm_find", "crm_read", result="[]")),
        "Bad Decision",
        "loop",
        (1, 2, 3, 4, 5, 6, 7, 8),
    ),
    "read timed out 0 bytes model": Incident(
        (chat_error(0, "", "x", end=End.UPSTREAM_TIMEOUT, took=60.0),),
        "Timeout",
        "timeout",
        (1,),
        exit_code=1,
    ),
    "budget tokens str": Incident(
        (chat("a", tokens=(900, 200)),),
        "Cost Blowup",
        "cost",
        (1,),
        metadata={"budgetTokens": "1000"},
    ),
    "anth refusal": Incident((anthropic(stop="refusal"),), "Bad Output", "withheld", (1,)),
    "ctx window exceeded": Incident(
        (anthropic(say("abc"), stop="model_context_window_exceeded"),),
        "Bad Output",
        "truncated",
        (1,),
    ),
}
