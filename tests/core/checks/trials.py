"""Trials by hand."""

from typing import Any

from proxy.core.checks import Trial
from proxy.core.model import Event, Outcome

COMPLETED = Outcome("r", "l", "Completed", None, None, None, None, 1.0)
TOOL_ERROR = Outcome("r", "l", "Failed", "Tool Error", "crm 401", None, None, 1.0)


def tool(step: str, arguments: Any = None, **data: Any) -> Event:
    """A tool's call on the wire."""
    return Event("r", "tool_call", step, 1.0, data={"call": {"input": arguments}, **data})


def model(*asked: tuple[str, Any], **data: Any) -> Event:
    """A model call that asks for tools."""
    asks = [{"id": "c", "name": name, "arguments": arguments} for name, arguments in asked]
    return Event("r", "llm_call", "openai.chat", 1.0, data={"call": {"toolUses": asks}, **data})


def served(number: int) -> Event:
    """A call that was answered with recorded call `number`."""
    return tool("GET a/b", servedFrom=f"ex_{number}", end="complete")


def missed(url: str = "http://a/token") -> Event:
    """A call that the recording does not have."""
    return tool("POST a/token", method="POST", url=url, end="missed")


def trial(
    *calls: Event, outcome: Outcome | None = TOOL_ERROR, output: str = "", **report: Any
) -> Trial:
    """A trial of a recording whose exchanges are ex_1 to ex_9."""
    origin = {f"ex_{number}": number for number in range(1, 10)}
    return Trial(outcome, calls, output, report, origin)
