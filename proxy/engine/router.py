"""Where a request goes: to the host it names, or to where that host is mapped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from proxy.core.decisions import Address
from proxy.core.model import RequestHead
from proxy.engine.reach import Reach
from proxy.errors import ConfigError

# Gateway names of the providers that everybody knows: /openai/v1/… goes to …/v1/….
PROVIDERS: Mapping[str, str] = {
    "anthropic": "https://api.anthropic.com",
    "cohere": "https://api.cohere.com",
    "deepseek": "https://api.deepseek.com",
    "gemini": "https://generativelanguage.googleapis.com",
    "groq": "https://api.groq.com",
    "mistral": "https://api.mistral.ai",
    "ollama": "http://127.0.0.1:11434",
    "openai": "https://api.openai.com",
    "openrouter": "https://openrouter.ai",
    "perplexity": "https://api.perplexity.ai",
    "together": "https://api.together.xyz",
    "voyage": "https://api.voyageai.com",
    "xai": "https://api.x.ai",
}
_PORTS = {"http": 80, "https": 443}


@dataclass(slots=True, frozen=True)
class Upstream:
    """A base URL taken apart; `path` has no slash at its end."""

    scheme: str
    host: str
    port: int
    path: str = ""


@dataclass(slots=True)
class Router:
    """`mapped` sends a host (or host:port) elsewhere; `named` are the gateway's upstreams.

    Built from the setting `upstream`: each NAME=URL is a gateway name and, when NAME has a dot,
    a host of forwarded traffic too.
    """

    mapped: dict[str, Upstream] = field(default_factory=dict)
    named: dict[str, Upstream] = field(default_factory=dict)
    own_ports: set[int] = field(default_factory=set)
    reach: Reach | None = None  # what may be called; None: anything

    @classmethod
    def of(cls, upstreams: Mapping[str, str]) -> "Router":
        """From names and URLs, over the known providers. Raises ConfigError."""
        named = {name: parse(url) for name, url in PROVIDERS.items()}
        mapped = {}
        for name, url in upstreams.items():
            named[name] = upstream = parse(url)
            if "." in name or ":" in name or name == "localhost":
                mapped[name.lower()] = upstream
        for name, upstream in list(named.items()):  # a mapped host holds for its gateway name too
            if upstream.host in mapped:
                named[name] = mapped[upstream.host]
        return cls(mapped, named)

    def address(self, head: RequestHead) -> Address:
        """Where to connect for this request. The name that TLS verifies stays the request's."""
        host = head.host.lower()
        target = self.mapped.get(f"{host}:{head.port}") or self.mapped.get(host)
        scheme = {"ws": "http", "wss": "https"}.get(head.scheme, head.scheme)
        if target is None:
            return Address(scheme, head.host, head.port, head.host)
        return Address(target.scheme, target.host, target.port, head.host)

    def barred(self, address: Address) -> str | None:
        """Why an address may not be connected to, None when it may."""
        if self.is_own(address):
            return "this is Dashcam's own port: the connection would go round in a circle"
        return None if self.reach is None else self.reach.barred(address.host)

    def is_own(self, address: Address) -> bool:
        """Whether that is one of Dashcam's own ports: a loop."""
        local = address.host in {"localhost", "127.0.0.1", "::1", "0.0.0.0", "::"}  # noqa: S104 - compared, not bound
        return local and address.port in self.own_ports


def hosts_of(upstreams: Mapping[str, str]) -> frozenset[str]:
    """The hosts of the upstreams that the user named."""
    return frozenset(parse(url).host for url in upstreams.values())


def parse(url: str) -> Upstream:
    """Takes a base URL apart. Raises ConfigError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"the upstream URL {url!r} is malformed: {error}") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ConfigError(
            f"the upstream URL {url!r} is not http:// or https:// with a host",
            hint="write it as NAME=https://host[:port][/path]",
        )
    return Upstream(
        parts.scheme, parts.hostname, port or _PORTS[parts.scheme], parts.path.rstrip("/")
    )
