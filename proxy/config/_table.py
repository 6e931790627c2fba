"""The table of settings."""

from typing import Any, NamedTuple

from proxy.config._kinds import (
    CERTIFICATES,
    COUNT,
    HOST_PORT,
    HOSTS,
    IGNORE_RULES,
    LABELS,
    NAMED_URLS,
    PACE,
    PATH,
    PRICES,
    PROXY,
    SECONDS,
    SWITCH,
    TEXT,
    TEXTS,
    WITNESS_NAMES,
    Kind,
    one_of,
)
from proxy.core.correlation import LATER, WITNESSES


class Setting(NamedTuple):
    """One setting. `default` is as a user would write it; None is no value."""

    name: str
    kind: Kind
    default: Any
    help: str

    @property
    def env(self) -> str:
        """Its environment variable."""
        return "DASHCAM_" + self.name.replace(".", "_").upper()


SETTINGS: tuple[Setting, ...] = (
    Setting("store", TEXT, "sqlite:///recordings/dashcam.db", "Where runs are kept, as a URL."),
    Setting("listen", HOST_PORT, "127.0.0.1:8080", "Where the forward proxy listens."),
    Setting("api", HOST_PORT, "127.0.0.1:8081", "Where the gateway and the API listen."),
    Setting("workers", COUNT, 1, "How many processes share the traffic."),
    Setting(
        "durability",
        one_of("durable", "strict", "fast"),
        "durable",
        "durable commits a call before its answer ends and counts what it could not store; strict"
        " refuses calls that it cannot record; fast may lose the last moments in a crash.",
    ),
    Setting("label", TEXT, "agent", "The label of runs that give none."),
    Setting("upstream_ca", PATH, None, "A PEM file of CAs that upstreams may be signed by, too."),
    Setting(
        "upstream_proxy",
        PROXY,
        None,
        "The proxy on the way to upstreams; direct takes none. Unless it is set, HTTPS_PROXY,"
        " HTTP_PROXY and ALL_PROXY of Dashcam's own environment count. NO_PROXY always does.",
    ),
    Setting(
        "client_certificates",
        CERTIFICATES,
        {},
        "Certificates that are shown to upstreams which ask for one, by host.",
    ),
    Setting(
        "upstream",
        NAMED_URLS,
        {},
        "Upstreams by name: NAME is a path of the gateway (/NAME/…); a NAME with a dot is also a"
        " host whose forwarded traffic goes to URL.",
    ),
    Setting("ignore", HOSTS, [], "Hosts that are tunnelled: neither opened nor recorded."),
    Setting(
        "allow",
        HOSTS,
        [],
        "Hosts that may be called when others than this machine may ask; * is any public one.",
    ),
    Setting(
        "vault",
        TEXT,
        None,
        "A key that seals what secrets were in a vault beside the store: a key file (see `dashcam"
        " vault init`), env:NAME for a variable that holds a key, or an age recipient (age1…).",
    ),
    Setting(
        "vault_bodies",
        SWITCH,
        False,
        "Also seal the recordings themselves with that key: bodies, headers, queries and all that"
        " is made of them. They cannot be searched, nor opened without it.",
    ),
    Setting("replay", TEXTS, [], "Runs or recordings that requests are answered from."),
    Setting("replay_allow", HOSTS, [], "Hosts that a replay may contact."),
    Setting("pace", PACE, "instant", "How fast a replayed answer leaves."),
    Setting(
        "clock",
        one_of("real", "recorded"),
        "real",
        "What time a replayed command sees: the true one, or that of the recording.",
    ),
    Setting(
        "match",
        one_of("exact", "normalised", "sequence"),
        "normalised",
        "How a request finds its recorded call.",
    ),
    Setting(
        "ignore_rules",
        IGNORE_RULES,
        [],
        "What does not count when requests are compared, besides what recordings say:"
        " json $.metadata.id, or [GET crm.*] query t.",
    ),
    Setting(
        "checkpoints",
        TEXT,
        None,
        "Where signed checkpoints of the store are written: a file (which is added to), syslog, or"
        " - for stdout. See `dashcam checkpoint`.",
    ),
    Setting(
        "checkpoint_every",
        SECONDS,
        300,
        "Seconds between two of them; one more is written at the end.",
    ),
    Setting("idle_timeout", SECONDS, 300, "After this many quiet seconds a run is over."),
    Setting(
        "correlation",
        WITNESS_NAMES,
        [*WITNESSES, *LATER],
        "What tells which run a request belongs to; the first that speaks wins.",
    ),
    Setting(
        "labels",
        LABELS,
        {},
        "What is expected of the runs with a label; see the outcomes' documentation.",
    ),
    Setting(
        "prices",
        PRICES,
        {},
        "Your own prices by model, or provider/model, * stands for any part: US dollars per million"
        " tokens as input, output, cache_read, cache_write. The first that fits counts.",
    ),
    Setting(
        "drain_timeout",
        SECONDS,
        8,
        "Seconds that calls under way may take to end once Dashcam is told to stop.",
    ),
    Setting("connect_timeout", SECONDS, 10, "Seconds to reach an upstream."),
    Setting("response_timeout", SECONDS, 600, "Seconds that an upstream may be silent."),
    Setting("header_timeout", SECONDS, 10, "Seconds that a client may take to send its headers."),
    Setting("max_header_bytes", COUNT, 262144, "Longer request heads are refused."),
    Setting("home", PATH, "~/.dashcam", "Where Dashcam keeps what is not a recording."),
    Setting(
        "ca_dir", PATH, None, "The folder of the certificate authority; default: `ca` in home."
    ),
    Setting("redaction.patterns", TEXTS, [], "Regular expressions; what they match is a secret."),
    Setting("redaction.headers", TEXTS, [], "Headers whose values are secrets, besides the known."),
    Setting(
        "redaction.json_paths", TEXTS, [], "JSON paths whose values are secrets: $.user.token."
    ),
    Setting(
        "redaction.allow_headers",
        TEXTS,
        [],
        "If given, only these headers (and those that framing needs) are stored as they are.",
    ),
    Setting("redaction.pii", SWITCH, False, "Also replace mail addresses, phone and card numbers."),
    Setting(
        "schemas.folder", PATH, "schemas", "The folder of the schemas that are declared for tools."
    ),
    Setting(
        "schemas.openapi",
        TEXTS,
        [],
        "OpenAPI documents elsewhere, each FILE, or HOST=FILE where its servers are others.",
    ),
    Setting(
        "schemas.warn",
        TEXTS,
        [],
        "Names of schemas, * stands for any part: what breaks them is also told at once, in the"
        " log.",
    ),
    Setting(
        "schemas.enforce",
        TEXTS,
        [],
        "Names of schemas, * stands for any part: a call that breaks them is not sent, an answer"
        " that does is not passed on. mcp:SERVER/TOOL is what MCP servers declare of their tools.",
    ),
)
