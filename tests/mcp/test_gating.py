"""A guarded server, in the middle of pipes."""

import json
import os
import sys
import threading

from proxy.core.model import End
from proxy.core.schemas.enforcing import WITHHELD
from proxy.mcp.framing import CLIENT, OVER, SERVER, STOPPED, Passed, Stop
from proxy.mcp.gating import Gate
from proxy.mcp.guarding import Guard
from proxy.mcp.pairing import Pairing
from proxy.mcp.passing import pass_through
from proxy.mcp.recording import _Reading
from tests.mcp.test_guarding import GOOD, RULES, TOOLS, answer, call, line

# Says what it was asked on stderr; its results are right for even ids only.
PROGRAM = f"""
import json, sys
for raw in sys.stdin:
    asked = json.loads(raw)
    print(asked["id"], file=sys.stderr)
    result = {{"tools": {TOOLS!r}}} if asked["method"] == "tools/list" else {{
        "content": [], "structuredContent": {GOOD!r} if asked["id"] % 2 == 0 else {{}}}}
    print(json.dumps({{"jsonrpc": "2.0", "id": asked["id"], "result": result}}), flush=True)
"""


def test_bad_calls_and_bad_results_do_not_go_on_and_are_recorded_so() -> None:
    theirs_in, stdin = os.pipe()
    stdout, theirs_out = os.pipe()
    reading = _Reading(Pairing("crm", "r", 0.0))
    exchanges = []

    def told(from_client: bool, data: bytes) -> None:
        exchanges.extend(reading.take(Passed(1, CLIENT if from_client else SERVER, data)))

    def stopped(stop: Stop) -> None:
        exchanges.extend(reading.take(Passed(1, STOPPED, stop.pack())))

    gate = Gate(Guard(RULES, "crm"), told, stopped, theirs_out)
    heard: list[bytes] = []

    def talk() -> None:
        listing = {"jsonrpc": "2.0", "id": 100, "method": "tools/list"}
        for sent in (listing, call(2, GOOD), call(3, GOOD), call(4, {})):
            os.write(stdin, line(sent))
            heard.append(os.read(stdout, 10_000))
        os.close(stdin)

    thread = threading.Thread(target=talk)
    thread.start()
    argv = [sys.executable, "-c", PROGRAM]
    pass_through(argv, dict(os.environ), told, pump=gate.pump, stdin=theirs_in, stdout=theirs_out)
    thread.join()
    exchanges.extend(reading.take(Passed(2, OVER, b"over")))
    listed, good, bad_result, bad_call = map(json.loads, heard)
    assert len(listed["result"]["tools"]) == len(TOOLS)
    assert good == answer(2, GOOD)
    assert (bad_result["id"], bad_result["error"]["code"]) == (3, -32603)
    assert (bad_call["id"], bad_call["error"]["code"]) == (4, -32602)
    assert [one.end for one in exchanges] == [
        End.COMPLETE,
        End.COMPLETE,
        End.REFUSED,
        End.REFUSED,
    ]
    assert json.loads(exchanges[2].response_body.data) == answer(3, {})  # what the server said
    assert exchanges[2].notes == (WITHHELD,)
    assert json.loads(exchanges[3].response_body.data) == bad_call
    assert exchanges[3].notes == ()
    assert (exchanges[3].error or "").startswith("schema: crm/find: the arguments")
