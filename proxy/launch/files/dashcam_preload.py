# ruff: noqa: INP001 - not a package: its folder is put on the PYTHONPATH of a recorded child
"""Send clients that ignore the proxy variables through the proxy, in a recorded Python process.

| client                           | what is changed                                           |
|----------------------------------|-----------------------------------------------------------|
| `http.client`                    | a new connection is a tunnel through the proxy            |
| `urllib3`, 1.26 and 2            | the same                                                  |
| `aiohttp`                        | a request without a proxy gets ours                       |

A library is changed when the program imports it, so that one it never uses costs nothing. Whatever
goes wrong in here leaves the library as it was. Nothing is changed for requests that name a proxy
themselves, for hosts in NO_PROXY, or for Dashcam's own API.

Python 3.8 and later, standard library only, nothing imported that a bare interpreter has not
loaded already: this runs at the start of every Python process of a run.
"""

from __future__ import annotations

import sys
from binascii import b2a_base64

TYPE_CHECKING = False  # importing typing would cost a third of a bare interpreter's start
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

_REPLY_LIMIT = 65536  # an answer to CONNECT longer than this is none
_MARK = "__dashcam__"


class Proxy:
    """The proxy of this run, and what goes past it: pairs of a host and a port, None for all."""

    __slots__ = ("host", "password", "past", "port", "user")

    def __init__(
        self,
        host: str,
        port: int,
        user: str,
        password: str,
        past: Sequence[tuple[str, int | None]],
    ) -> None:
        self.host = host
        self.port = port
        self.user = user
        self.password = password
        self.past = past

    @property
    def authorization(self) -> str | None:
        """The value of `Proxy-Authorization`."""
        if not self.user:
            return None
        plain = f"{self.user}:{self.password}".encode()
        return "Basic " + b2a_base64(plain, newline=False).decode()

    def takes(self, host: str, port: int) -> bool:
        """Whether a connection to `host` and `port` belongs through the proxy."""
        host = host.strip("[]").rstrip(".").lower()
        if (host, port) == (self.host, self.port):
            return False
        return not any(
            (wanted is None or wanted == port)
            and (name in {"*", host} or host.endswith("." + name))
            for name, wanted in self.past
        )


def install(env: Mapping[str, str]) -> None:
    """Change what is imported already, and what will be, if `env` names a run and its proxy."""
    proxy = read_proxy(env)
    if proxy is None or any(getattr(finder, _MARK, False) for finder in sys.meta_path):
        return
    finder = _Finder(proxy, debug=bool(env.get("DASHCAM_DEBUG")))
    for name in PATCHES:
        module = sys.modules.get(name)
        if module is not None:
            finder.patch(module)
    sys.meta_path.insert(0, finder)


def read_proxy(env: Mapping[str, str]) -> Proxy | None:
    """The proxy in `env`; None outside of a recorded run.

    Taken apart by hand: `urllib.parse` would be half of this file's cost.
    """
    url = env.get("HTTPS_PROXY") or env.get("https_proxy") or ""
    if "DASHCAM_RUN" not in env or not url.startswith("http://"):
        return None
    credentials, _, place = url[len("http://") :].split("/", 1)[0].rpartition("@")
    host, port = _place(place, 80)
    user, _, password = credentials.partition(":")
    past = [_place(entry, None) for entry in _split(env.get("NO_PROXY") or env.get("no_proxy"))]
    api = env.get("DASHCAM_API", "").partition("://")[2].split("/", 1)[0].rpartition("@")[2]
    if api:
        past.append(_place(api, 80))
    past = [(name.lstrip("*").lstrip(".") or name, number) for name, number in past]
    return Proxy(host, port or 80, _unquoted(user), _unquoted(password), past)


def _split(value: str | None) -> list[str]:
    return [entry.strip().lower() for entry in (value or "").split(",") if entry.strip()]


def _place(text: str, default: int | None) -> tuple[str, int | None]:
    """`host`, `host:port` or `[v6]:port` as host and port; a bare `::1` is a host."""
    host, colon, port = text.rpartition(":")
    if colon and port.isdigit() and (host.endswith("]") or ":" not in host):
        return host.strip("[]").lower(), int(port)
    return text.strip("[]").lower(), default


def _unquoted(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote  # noqa: PLC0415 - costs milliseconds, and is hardly needed

    return unquote(text)


class _Finder:
    """Changes a module as soon as it has been executed, whoever finds and loads it."""

    __dashcam__ = True

    def __init__(self, proxy: Proxy, debug: bool) -> None:
        self._proxy = proxy
        self._busy: set[str] = set()
        self._debug = debug

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Let the other finders find one of our modules, and wait at its loader."""
        if name not in PATCHES or name in self._busy:
            return None
        self._busy.add(name)
        try:
            for finder in sys.meta_path:
                find = getattr(finder, "find_spec", None)
                spec: ModuleSpec | None = find(name, path, target) if find else None
                if spec is not None:
                    self._attend(spec)
                    return spec
        finally:
            self._busy.discard(name)
        return None

    def _attend(self, spec: ModuleSpec) -> None:
        loader: Any = spec.loader
        run = getattr(loader, "exec_module", None)
        if run is None:
            return

        def exec_module(module: ModuleType) -> None:
            try:
                loader.__dict__.pop("exec_module", None)  # a loader may be asked for its type later
            finally:
                run(module)
            if module.__name__ == spec.name:
                self.patch(module)

        try:
            loader.exec_module = exec_module
        except AttributeError:  # a loader with slots: the module stays as it is
            return

    def patch(self, module: ModuleType) -> None:
        """Change one module; a failure leaves it as it was."""
        try:
            PATCHES[module.__name__](self._proxy, module)
        except Exception as err:  # noqa: BLE001 - a recorder must never break what it records
            if self._debug:
                sys.stderr.write(f"dashcam: python preload: {module.__name__}: {err!r}\n")


def _wrap(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace a method by what `make` returns for it, once."""
    original = getattr(owner, name)
    if getattr(original, _MARK, False):
        return
    changed = make(original)
    for attribute in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(changed, attribute, getattr(original, attribute))
    changed.__wrapped__ = original
    setattr(changed, _MARK, True)
    setattr(owner, name, changed)


def tunnel(proxy: Proxy, sock: socket.socket, host: str, port: int) -> None:
    """Ask the proxy on `sock` for a tunnel; closes the socket and raises OSError without one."""
    name = host if host.isascii() else host.encode("idna").decode()
    if ":" in name and not name.startswith("["):
        name = f"[{name}]"
    head = f"CONNECT {name}:{port} HTTP/1.1\r\nHost: {name}:{port}\r\n"
    if proxy.authorization:
        head += f"Proxy-Authorization: {proxy.authorization}\r\n"
    try:
        sock.sendall(f"{head}\r\n".encode("ascii"))
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            # byte by byte: whatever follows the head belongs to the tunnel's user
            more = sock.recv(1)
            if not more or len(answer) > _REPLY_LIMIT:
                raise OSError("the recording proxy closed the connection")  # noqa: TRY301 - see below
            answer += more
        status = answer.partition(b"\r\n")[0].decode("latin-1").partition(" ")[2]
        if not status.startswith("200"):
            raise OSError(f"the recording proxy refused {name}:{port}: {status}")  # noqa: TRY301
    except BaseException:
        sock.close()
        raise


def _patch_http_client(proxy: Proxy, module: Any) -> None:
    def dialler(dial: Callable[..., socket.socket]) -> Callable[..., socket.socket]:
        def connect_through(address: tuple[str, int], *args: Any, **kwargs: Any) -> socket.socket:
            host, port = address
            if not proxy.takes(host, port):
                return dial(address, *args, **kwargs)
            sock = dial((proxy.host, proxy.port), *args, **kwargs)
            tunnel(proxy, sock, host, port)
            return sock

        setattr(connect_through, _MARK, True)
        return connect_through

    def make(original: Callable[[Any], None]) -> Callable[[Any], None]:
        def connect(self: Any) -> None:
            dial = getattr(self, "_create_connection", None)
            # a tunnel of the program's own leads to a proxy of its own, or is ours already
            if dial is not None and not self._tunnel_host and not hasattr(dial, _MARK):
                self._create_connection = dialler(dial)
            original(self)

        return connect

    _wrap(module.HTTPConnection, "connect", make)


def _patch_urllib3(proxy: Proxy, module: Any) -> None:
    def make(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def new_conn(self: Any) -> Any:
            # `_dns_host` is what is dialled, with the final dot that `host` leaves out
            host, port = self._dns_host, self.port
            named = getattr(self, "proxy", None) or getattr(self, "_tunnel_host", None)
            if named or not proxy.takes(host, port):
                return original(self)
            self._dns_host, self.port = proxy.host, proxy.port
            try:
                sock = original(self)
            finally:
                self._dns_host, self.port = host, port
            tunnel(proxy, sock, host, port)
            return sock

        return new_conn

    _wrap(module.HTTPConnection, "_new_conn", make)


def _patch_aiohttp(proxy: Proxy, module: Any) -> None:
    from aiohttp.connector import TCPConnector  # noqa: PLC0415 - loaded by now
    from yarl import URL  # noqa: PLC0415 - loaded by now

    address = URL.build(scheme="http", host=proxy.host, port=proxy.port)
    if proxy.user:
        # in the URL, where every version of aiohttp looks for it
        address = address.with_user(proxy.user).with_password(proxy.password)

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        async def request(self: Any, method: str, str_or_url: Any, **kwargs: Any) -> Any:
            if kwargs.get("proxy") is None and _ours(self, str_or_url):
                kwargs["proxy"] = address
                kwargs.pop("proxy_auth", None)
            return await original(self, method, str_or_url, **kwargs)

        return request

    def _ours(session: Any, str_or_url: Any) -> bool:
        connector = getattr(session, "_connector", None)
        # UNIX sockets need no proxy, and a connector for SOCKS is a proxy of the program's own
        if not isinstance(connector, TCPConnector) or "socks" in type(connector).__module__:
            return False
        if getattr(session, "_default_proxy", None) is not None:
            return False
        url = URL(str_or_url)
        if not url.is_absolute():
            url = session._build_url(str_or_url)  # noqa: SLF001 - a relative URL has no host
        return proxy.takes(url.host or "", url.port or 0)

    _wrap(module.ClientSession, "_request", make)


PATCHES: dict[str, Callable[[Proxy, Any], None]] = {
    "http.client": _patch_http_client,
    "urllib3.connection": _patch_urllib3,
    "aiohttp.client": _patch_aiohttp,
}
