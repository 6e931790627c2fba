"""The "model": a deterministic planner that decides by the conversation and the tools it is sent.

It keeps nothing between calls and has no transcript: the rules of `_RULES` are asked in order, and
the first that has an answer gives it. The wire formats (`openai_api`, `anthropic_api`) turn their
messages into a `Conversation` and the `Answer` back.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

_CUSTOMER = re.compile(r"\bcus_\w+")
_SMALL_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a about all am an and are as at be been but by can could did do for from get has have "
        "hello hi how i in is it its me my of on one only or our please so thank thanks that the "
        "their them there this to twice was we were what when which will with would you your",
    )
)
_QUERY_WORDS = 8


class ToolUse(NamedTuple):
    """A tool that the model asked for; `arguments` is a JSON object."""

    name: str
    arguments: Mapping[str, Any]


class ToolResult(NamedTuple):
    """What came back from a tool: `content` is its JSON value, or text where it is not JSON."""

    name: str
    content: Any

    @property
    def failed(self) -> bool:
        """Whether the tool reported an error."""
        return isinstance(self.content, dict) and "error" in self.content


@dataclass(slots=True, frozen=True)
class Conversation:
    """What the model is sent: instructions, what the user wrote, what tools have answered."""

    system: str = ""
    user: str = ""
    results: tuple[ToolResult, ...] = ()
    tools: frozenset[str] = frozenset()
    wants_json: bool = False

    def result(self, tool: str) -> Any:
        """The latest answer of `tool`, None when it was not used yet."""
        return next((item.content for item in reversed(self.results) if item.name == tool), None)

    def may_use(self, tool: str) -> bool:
        """Whether `tool` is offered and was not used yet."""
        return tool in self.tools and self.result(tool) is None


class Answer(NamedTuple):
    """What the model says: text, or tools that it asks for."""

    text: str = ""
    tool_uses: tuple[ToolUse, ...] = ()


def tool_result(name: str, content: str) -> ToolResult:
    """A tool's answer as the client sent it: a text that is JSON, or not."""
    try:
        return ToolResult(name, json.loads(content))
    except ValueError:
        return ToolResult(name, content)


def decide(conversation: Conversation) -> Answer:
    """The model's next move."""
    for rule in _RULES:
        if (answer := rule(conversation)) is not None:
            return answer
    return Answer(f"You wrote: {conversation.user}")


def _plan(conversation: Conversation) -> Answer | None:
    if not conversation.wants_json:
        return None
    intent = "refund" if re.search(r"charged|refund|invoice", conversation.user) else "question"
    steps = ["search the knowledge base"]
    if _CUSTOMER.search(conversation.user):
        steps.append("look up the customer")
    if intent == "refund":
        steps.append("refund the duplicate charge")
    return Answer(json.dumps({"intent": intent, "steps": [*steps, "write the reply"]}))


def _search(conversation: Conversation) -> Answer | None:
    if not conversation.may_use("kb_search"):
        return None
    words = re.findall(r"[a-z]+", conversation.user.lower())
    query = " ".join(word for word in words if word not in _SMALL_WORDS)
    query = " ".join(dict.fromkeys(query.split()[:_QUERY_WORDS]))
    return Answer(tool_uses=(ToolUse("kb_search", {"query": query, "topK": 3}),))


def _look_up(conversation: Conversation) -> Answer | None:
    customer = _CUSTOMER.search(conversation.user)
    if customer is None or not conversation.may_use("crm_get_customer"):
        return None
    return Answer(tool_uses=(ToolUse("crm_get_customer", {"customerId": customer[0]}),))


def _apologise(conversation: Conversation) -> Answer | None:
    if not (conversation.results and conversation.results[-1].failed):
        return None
    return Answer(
        "Hello,\n\nI am sorry: I could not open your account just now, so nothing has been changed "
        "yet. I have passed your message on to a colleague, who will look at it today and write "
        f"to you.\n\n{_citations(conversation)}"
    )


def _refund(conversation: Conversation) -> Answer | None:
    charge = _duplicate_charge(conversation.result("crm_get_customer"))
    if charge is None or not conversation.may_use("crm_create_refund"):
        return None
    arguments = {"chargeId": charge["id"], "amount": charge["amount"]}
    return Answer(tool_uses=(ToolUse("crm_create_refund", arguments),))


def _confirm(conversation: Conversation) -> Answer | None:
    refund = conversation.result("crm_create_refund")
    if not isinstance(refund, dict):
        return None
    amount = f"{refund['amount'] / 100:.2f} {refund['currency'].upper()}"
    return Answer(
        f"Hello,\n\nyou were charged twice, and I am sorry for that. I have refunded {amount} "
        f"(reference {refund['id']}); it reaches your account within five working days."
        f"\n\n{_citations(conversation)}"
    )


def _quote(conversation: Conversation) -> Answer | None:
    documents = _documents(conversation)
    if not documents:
        return None
    return Answer(f"Hello,\n\n{documents[0]['text']}\n\n{_citations(conversation)}")


_RULES: tuple[Callable[[Conversation], Answer | None], ...] = (
    _plan,
    _search,
    _look_up,
    _apologise,
    _refund,
    _confirm,
    _quote,
)


def _duplicate_charge(customer: Any) -> Mapping[str, Any] | None:
    """The second of two charges for the same thing; None when there is none."""
    if not isinstance(customer, dict):
        return None
    seen = set()
    for charge in customer.get("charges", ()):
        key = (charge["description"], charge["amount"])
        if key in seen and not charge.get("refunded"):
            return dict(charge)
        seen.add(key)
    return None


def _documents(conversation: Conversation) -> list[Mapping[str, Any]]:
    found = conversation.result("kb_search")
    return list(found.get("results", ())) if isinstance(found, dict) else []


def _citations(conversation: Conversation) -> str:
    lines = [f"[{item['docId']}] {item['url']}" for item in _documents(conversation)]
    return "\n".join(["Sources:", *lines]) if lines else ""
