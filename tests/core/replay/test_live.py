"""What goes live: only what was named."""

import pytest

from proxy.core.model import RequestHead
from proxy.core.replay.live import NOTHING, Live, parse
from proxy.errors import ConfigError

CHAT = RequestHead("POST", "https", "api.openai.com", 443, "/v1/chat/completions")
CLAUDE = RequestHead("POST", "https", "api.anthropic.com", 443, "/v1/messages")
VECTORS = RequestHead("POST", "https", "api.openai.com", 443, "/v1/embeddings")
CRM = RequestHead("GET", "https", "crm.acme.test", 443, "/customers/cus_1")
CRM_STEP = "GET crm.acme.test/customers/{id}"


@pytest.mark.parametrize(
    ("words", "head", "step", "taken"),
    [
        (["llm"], CHAT, "openai.chat", True),
        (["llm"], CLAUDE, "anthropic.messages", True),
        (["llm"], CHAT, "plan", True),
        (["llm"], VECTORS, "openai.embeddings", False),
        (["llm"], CRM, CRM_STEP, False),
        (["tools:*"], CRM, CRM_STEP, True),
        (["tools:*"], CHAT, "openai.chat", False),
        (["tools:GET crm.*"], CRM, CRM_STEP, True),
        (["tools:crm.acme.test/customers/{id}"], CRM, CRM_STEP, True),
        (["tools:CRM.acme.test/*"], CRM, CRM_STEP, True),
        (["tools:POST *"], CRM, CRM_STEP, False),
        (["tools:lookup"], CRM, "mcp:crm/lookup", True),
        (["tools:crm/*"], CRM, "mcp:crm/lookup", True),
        (["tools:look"], CRM, "mcp:crm/lookup", False),
        (["tools:a[bc]"], CRM, "ab", False),
        (["host:crm.acme.test"], CRM, CRM_STEP, True),
        (["host:*.openai.com"], CHAT, "openai.chat", True),
        (["host:openai.com"], CHAT, "openai.chat", False),
        (["host:x", "tools:y", "llm"], CRM, CRM_STEP, False),
        ([], CHAT, "openai.chat", False),
    ],
)
def test_what_is_taken(words: list[str], head: RequestHead, step: str, taken: bool) -> None:
    body = b'{"model":"m","messages":[],"input":"a"}'
    assert parse(words).takes(head, body, step) is taken


def test_everything_is_for_forks() -> None:
    assert Live(everything=True).takes(CRM, b"", CRM_STEP)
    assert not NOTHING
    assert [bool(live) for live in (Live(llm=True), parse([], ["a"]), parse([]))] == [1, 1, 0]


@pytest.mark.parametrize("word", ["", "all", "everything", "tools", "tools:", "host:", "llm:x2:"])
def test_nothing_goes_live_that_is_not_named(word: str) -> None:
    with pytest.raises(ConfigError, match="names nothing that may go live"):
        parse([word])
