"""The official MCP SDK's client; prints what it saw.

`argv`: one conversation after the other, as JSON: its mode, then a URL or a command.
"""

import asyncio
import json
import sys
from typing import Any

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError


async def tell(mode: str, target: list[str]) -> None:
    """One line for each thing seen."""
    where: Any = target[0]
    if not where.startswith("http"):
        where = stdio_client(StdioServerParameters(command=target[0], args=target[1:]))
    seen: list[float] = []

    async def on_progress(
        progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        seen.append(progress)

    async with Client(where, mode=mode) as client:
        tools = (await client.list_tools()).tools
        say("tools", [[tool.name, tool.input_schema, tool.output_schema] for tool in tools])
        for a in (1, 2):
            result = await client.call_tool("add", {"a": a, "b": 40})
            say("add", result.model_dump(mode="json", exclude={"meta"}))
        slow = await client.call_tool("slow", {"steps": 2}, progress_callback=on_progress)
        say("slow", slow.model_dump(mode="json", exclude={"meta"}))
        say("progress", seen)
        broken = await client.call_tool("broken", {"reason": "out of stock"})
        say("broken", broken.model_dump(mode="json", exclude={"meta"}))
        say("note", (await client.read_resource("note://x")).model_dump(mode="json")["contents"])
        try:
            await client.read_resource("nothing://x")
        except MCPError as error:
            say("error", [error.error.code, error.error.message])


def say(what: str, value: Any) -> None:
    sys.stdout.write(f"{what} {json.dumps(value)}\n")


if __name__ == "__main__":
    for conversation in sys.argv[1:]:
        chosen, *server = json.loads(conversation)
        say("conversation", chosen)
        asyncio.run(tell(chosen, server))
