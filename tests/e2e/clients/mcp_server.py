"""An MCP server made with the official SDK. `argv`: `stdio`, or a port."""

import os
import sys

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("shop", version="3")


@server.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.tool()
async def slow(steps: int, ctx: Context) -> str:
    """Reports its progress."""
    for step in range(steps):
        await ctx.report_progress(step, steps)
    return f"done in {steps} steps \u2028 and no line end"


@server.tool()
def broken(reason: str) -> str:
    """Fails."""
    raise ToolError(reason)


@server.tool()
def die(code: int) -> str:
    """Ends the server in the middle of a call."""
    os._exit(code)


@server.resource("note://{name}")
def note(name: str) -> str:
    """A note."""
    return f"note {name}"


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        sys.stderr.write("shop is up\n")
        server.run("stdio")
    else:
        server.run("streamable-http", port=int(sys.argv[1]))
