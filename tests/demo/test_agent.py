"""The agent works on tickets against the provider, with and without the fix."""

import asyncio
from typing import Any

import pytest

from proxy.demo.crm import EXPIRED_TOKEN, VALID_TOKEN
from proxy.demo.provider import Provider

pytestmark = pytest.mark.xdist_group("the providers' SDKs")  # which take long to import


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, provider: Provider) -> Any:
    """The module. It reaches the provider: what Dashcam does by name, done by address."""
    from proxy.demo import agent

    base = f"http://127.0.0.1:{provider.ports.http}"
    monkeypatch.setattr(agent, "KNOWLEDGE", base)
    monkeypatch.setattr(agent, "CRM", base)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{base}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-demo")
    for name in ("CRM_TOKEN", "CRM_REFRESH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return agent


CASES = [
    ("expired", None, [], ("I could not open your account", "[policy_014]")),
    ("valid", VALID_TOKEN, [], ("I have refunded 49.00 EUR", "[policy_014]")),
    ("fixed", EXPIRED_TOKEN, ["--fix"], ("I have refunded 49.00 EUR", "[policy_014]")),
    ("question", None, ["--ticket", "How do I rotate my API token?"], ("Rotate", "[docs_1281]")),
]


@pytest.mark.parametrize(
    ("crm_token", "argv", "says"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
async def test_the_reply(
    *,
    agent: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    crm_token: str | None,
    argv: list[str],
    says: tuple[str, ...],
) -> None:
    if crm_token is not None:
        monkeypatch.setenv("CRM_TOKEN", crm_token)
    assert await asyncio.to_thread(agent.main, argv) == 0
    printed = capsys.readouterr()
    assert all(part in printed.out for part in says)
    assert printed.err == ""


async def test_a_refused_refresh_leaves_the_error_as_it_was(
    agent: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CRM_REFRESH_TOKEN", "wrong")
    assert await asyncio.to_thread(agent.main, ["--fix"]) == 0
    assert "I could not open your account" in capsys.readouterr().out


async def test_validation_finds_what_is_wrong(agent: Any) -> None:
    good = "Hello, " + "we did what you asked for. " * 6 + "https://kb.acme.test/a"
    assert agent.validate(good) == []
    assert agent.validate("As an AI language model I cannot.") == [
        "too short",
        "no link to a source",
        "boilerplate",
    ]
