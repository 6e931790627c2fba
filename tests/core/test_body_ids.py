import pytest

from proxy.core.body_ids import BodyId, apart, naming
from proxy.core.calls import Call

_TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        ({"metadata.run_id": "r"}, BodyId("correlation-header", "r")),
        ({"metadata.runId": "r"}, BodyId("correlation-header", "r")),
        ({"com.acme/run-id": "r"}, BodyId("correlation-header", "r")),
        ({"metadata.session_id": "s"}, BodyId("session-header", "s")),
        ({"metadata.session_id": "s", "metadata.run_id": "r"}, BodyId("correlation-header", "r")),
        ({"conversation": "conv_1"}, BodyId("session-header", "conv_1")),
        ({"traceparent": f"00-{_TRACE}-b7ad6b7169203331-01"}, BodyId("traceparent", _TRACE)),
        ({"traceparent": "nonsense"}, None),
        ({"baggage": "a=b,run.id=r%201"}, BodyId("baggage", "r 1")),
        ({"baggage": "a=b", "metadata.run_id": "r"}, BodyId("correlation-header", "r")),
        ({"mcp.session_id": "shared"}, None),
        ({"metadata.user_id": "u", "user": "v", "prompt_cache_key": "k"}, None),
        ({}, None),
    ],
)
def test_what_names_a_run(session: dict[str, str], expected: BodyId | None) -> None:
    assert naming(Call("llm_call", "s", "p", session=session)) == expected


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        ({"prompt_cache_key": "support-agent-v2"}, None),
        (
            {"prompt_cache_key": "0192f0c1-5b3e-7cc0-98f4-dc0c0c07398f", "user": "u"},
            "prompt_cache_key:0192f0c1-5b3e-7cc0-98f4-dc0c0c07398f",
        ),
        ({"user": "u"}, "user:u"),
        ({"metadata.user_id": "u", "user": "v"}, "user:u"),
        ({}, None),
    ],
)
def test_what_tells_agents_apart(session: dict[str, str], expected: str | None) -> None:
    assert apart(Call("llm_call", "s", "p", session=session)) == expected
