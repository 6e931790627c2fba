"""curl, with HTTP/1.1 (raw framing) and HTTP/2."""

import subprocess
from typing import Any

from tests.e2e.clients.targets import BASE, BROKEN, PLAIN, STREAMS, WHOLE
from tests.e2e.clients.transcript import case, digest


def curl(*arguments: str) -> Any:
    """Its output, its exit code and its complaint; curl looks at the environment by itself."""
    command = ["curl", "-sS", "-i", "--suppress-connect-headers", "-m", "60", *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    return [done.returncode, done.stderr.decode(), digest(done.stdout)]


if __name__ == "__main__":
    urls = [BASE + target for target in (*WHOLE, *STREAMS, *BROKEN)]
    for url in urls:
        case(url, curl, "--http1.1", "--raw", url)
    for url in [BASE + "/fixed?size=9&over=2", BASE + "/chunked?sizes=1,2,3&over=2"]:
        case(url, curl, "--http2", url)
    case("plain", lambda: curl("--raw", "-d", "a=b", PLAIN + "/echo?plain"))
    case("keep-alive", lambda: curl(BASE + "/fixed?size=1", BASE + "/fixed?size=2"))
