"""The environment of a recorded child: which variable tells which client about proxy and CA.

The tables say what is set; `docs/capture.md` says which client each of them serves.
"""

import os
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from proxy.launch.bundle import TRUST_STORE_PASSWORD
from proxy.launch.kit import Kit

# Clients disagree about upper and lower case, so both are set.
PROXY_VARIABLES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "WS_PROXY",
    "WSS_PROXY",
    "GRPC_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "ws_proxy",
    "wss_proxy",
    "grpc_proxy",
)
NO_PROXY_VARIABLES = ("NO_PROXY", "no_proxy")
CA_VARIABLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
    "DENO_CERT",
    "CODEX_CA_CERTIFICATE",
    "HTTPLIB2_CA_CERTS",
    "NIX_SSL_CERT_FILE",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "npm_config_cafile",
)
EXTRA_CA_VARIABLES = ("NODE_EXTRA_CA_CERTS",)  # what they name is added to the client's own roots
SWITCHES = {
    "NODE_USE_ENV_PROXY": "1",  # Node >= 22.21 and >= 24.5 look at the proxy variables only with it
    "GIT_HTTP_PROXY_AUTHMETHOD": "basic",  # else git names no user until it is challenged
}
# A folder of hashed roots beside SSL_CERT_FILE: some clients would read it instead of the file.
REMOVED = ("SSL_CERT_DIR",)
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def child_environment(
    base: Mapping[str, str],
    *,
    proxy: str,
    run_id: str,
    api: str | None,
    token: str | None,
    kit: Kit,
    loopback: bool = True,
    keep_no_proxy: Sequence[str] = (),
) -> dict[str, str]:
    """The environment for a child whose traffic is to be recorded.

    Args:
        base: The environment to start from; it is not changed.
        proxy: The run's listener with the run as user name, `http://RUN:x@127.0.0.1:PORT`.
        run_id: The run, for `DASHCAM_RUN`.
        api: Where the API listens, for `DASHCAM_API`; None: the child is told of none.
        token: What the API asks for, for `DASHCAM_TOKEN`; None likewise.
        kit: The files that the variables point to.
        loopback: Whether traffic to this very machine is captured as well.
        keep_no_proxy: Hosts that go past the proxy all the same, in the form of `NO_PROXY`.
    """
    env = dict(base)
    for name in REMOVED:
        env.pop(name, None)
    env.update(dict.fromkeys(PROXY_VARIABLES, proxy))
    past = ",".join([*(() if loopback else LOOPBACK), *keep_no_proxy])
    env.update(dict.fromkeys(NO_PROXY_VARIABLES, past))
    env.update(dict.fromkeys(CA_VARIABLES, str(kit.bundle)))
    env.update(dict.fromkeys(EXTRA_CA_VARIABLES, str(kit.extra)))
    env.update(SWITCHES)
    env["WGETRC"] = str(kit.wgetrc)  # wget knows no CA variable
    env["PYTHONPATH"] = _extended(str(kit.python), base.get("PYTHONPATH"), os.pathsep)
    env["NODE_OPTIONS"] = _extended(
        base.get("NODE_OPTIONS"), f"--require {_quoted(str(kit.node))}", " "
    )
    if kit.java is not None:
        env["JAVA_TOOL_OPTIONS"] = _extended(
            base.get("JAVA_TOOL_OPTIONS"), " ".join(_java_options(proxy, str(kit.java), past)), " "
        )
    told = {"DASHCAM_RUN": run_id, "DASHCAM_API": api, "DASHCAM_TOKEN": token}
    for name, value in told.items():
        if value is None:
            env.pop(name, None)  # an outer run's: not ours to answer for
        else:
            env[name] = value
    return env


def _extended(first: str | None, second: str | None, separator: str) -> str:
    return separator.join(part for part in (first, second) if part)


def _quoted(path: str) -> str:
    """`path` as one word of NODE_OPTIONS, which knows double quotes and backslashes."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if escaped != path or " " in path else path


def _java_options(proxy: str, store: str, past: str) -> list[str]:
    """Java reads system properties only. It can name no user: the run's own port must do."""
    where = urlsplit(proxy)
    hosts = "|".join(part for part in past.split(",") if part)
    options = [
        f"-D{scheme}.proxy{what}={value}"
        for scheme in ("http", "https")
        for what, value in (("Host", where.hostname), ("Port", where.port))
    ]
    options += [
        f"-Dhttp.nonProxyHosts={hosts}",  # empty: Java's default would leave out loopback
        f"-Djavax.net.ssl.trustStore={store}",
        "-Djavax.net.ssl.trustStoreType=PKCS12",
        f"-Djavax.net.ssl.trustStorePassword={TRUST_STORE_PASSWORD}",
    ]
    return [f'"{option}"' if " " in option else option for option in options]
