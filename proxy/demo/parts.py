"""What the providers' formats share: ids, token counts, and text cut into stream pieces."""

import hashlib
import json
import re
from typing import Any

from proxy.demo.planner import Answer, Conversation


def ident(prefix: str, *seeds: Any) -> str:
    """An id that is the same for the same seeds: the model answers the same twice."""
    digest = hashlib.sha256("\0".join(map(str, seeds)).encode()).hexdigest()
    return f"{prefix}{digest[:24]}"


def pieces(text: str) -> list[str]:
    """`text` in stream pieces of up to three words, with their spaces: joined they are `text`."""
    return re.findall(r"(?:\S+\s*|\s+){1,3}", text)


def count_tokens(text: str) -> int:
    """A token count in the usual size: four characters each."""
    return (len(text) + 3) // 4


def input_tokens(conversation: Conversation) -> int:
    """How many tokens the model read."""
    results = "".join(json.dumps(result.content) for result in conversation.results)
    tools = "".join(sorted(conversation.tools))
    return count_tokens(conversation.system + conversation.user + results + tools)


def output_tokens(answer: Answer) -> int:
    """How many tokens the model wrote."""
    uses = "".join(use.name + json.dumps(use.arguments) for use in answer.tool_uses)
    return count_tokens(answer.text + uses)


def sse(data: Any, event: str | None = None) -> bytes:
    """One server-sent event; `data` is JSON, or a text that is sent as it is."""
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {text}\n\n".encode()


def text_of(content: Any) -> str:
    """The text of a message's content: a string, or a list of parts of which some are text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(part.get("text", "") for part in parts if isinstance(part, dict))
