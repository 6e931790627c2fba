"""The `websockets` package: what it is sent, the close code or the break; one line a case.

python -m tests.e2e.clients.websockets_client [WORD]     # WORD is said to the echo
"""

import asyncio
import json
import sys
from collections.abc import Sequence

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

BASE = "wss://upstream.test/ws"
CASES: Sequence[tuple[str, int]] = (  # path, and how many messages the client sends
    ("/count?n=5", 0),
    ("/echo", 3),
    ("/echo?deflate=1", 2),
    ("/fragments", 1),
    ("/close?after=1&code=4321&reason=enough", 1),
    ("/drop?after=1", 1),
    ("/echo?reject=403", 0),
)


async def case(path: str, sends: int, word: str) -> list[str]:
    saw: list[str] = []
    try:
        async with connect(BASE + path, subprotocols=["realtime"]) as socket:  # type: ignore[list-item]  # a NewType
            saw.append(f"subprotocol {socket.subprotocol}")
            for number in range(sends):
                said = json.dumps({"number": number, "word": word})
                await socket.send(said if number % 2 == 0 else said.encode())
                saw.append(repr(await socket.recv()))
            if not sends:
                saw += [repr(message) async for message in socket]
        saw.append(f"closed {socket.close_code} {socket.close_reason!r}")
    except ConnectionClosed as error:
        saw.append(f"{type(error).__name__}: {error}")
    except InvalidStatus as error:
        saw.append(f"refused {error.response.status_code}")
    return saw


async def main() -> None:
    word = sys.argv[1] if len(sys.argv) > 1 else "hello"
    for path, sends in CASES:
        sys.stdout.write(f"{path} {await case(path, sends, word)}\n")


asyncio.run(main())
