"""MCP servers over stdio: passed through and recorded, or played from a recording."""
