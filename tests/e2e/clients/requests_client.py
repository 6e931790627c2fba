"""requests, a session with connection reuse."""

from typing import Any

import requests

from tests.e2e.clients.targets import BASE, BROKEN, PLAIN, STREAMS, WHOLE
from tests.e2e.clients.transcript import case, digest, pairs, pieces


def main() -> None:
    with requests.Session() as session:

        def whole(url: str, method: str = "GET", **more: Any) -> Any:
            answer = session.request(method, url, timeout=60, **more)
            headers = pairs(answer.raw.headers.items())
            return [answer.status_code, answer.reason, headers, digest(answer.content)]

        def streamed(url: str) -> Any:
            with session.get(url, stream=True, timeout=60) as answer:
                return [answer.status_code, pieces(list(answer.iter_content(None)))]

        for target in WHOLE:
            case(target, whole, BASE + target)
        for target in (*STREAMS, *BROKEN):
            case(target, streamed, BASE + target)
        upload = BASE + "/upload"
        case("upload", lambda: whole(upload, "POST", data=b"x" * 100_000))
        case("chunked upload", lambda: whole(upload, "PUT", data=iter([b"a" * 999, b"b"] * 50)))
        case("head", lambda: whole(BASE + "/fixed?size=77", "HEAD"))
        case("plain http", lambda: whole(PLAIN + "/echo?plain", "POST", json={"a": [1, "é"]}))


if __name__ == "__main__":
    main()
