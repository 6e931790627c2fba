"""aiohttp lives here and nowhere else: the gateway and the API."""
