"""What to say when a port cannot be had."""

from proxy.errors import ListenError


def listen_error(host: str, port: int, error: OSError) -> ListenError:
    """One clear line for a port that cannot be had."""
    where = f"{host}:{port}"
    if isinstance(error, PermissionError):
        return ListenError(
            f"no permission to listen on {where}",
            hint="ports below 1024 are reserved; choose another with --listen or --api",
        )
    return ListenError(
        f"cannot listen on {where}: {error.strerror or error}",
        hint="choose another address with --listen or --api, or stop what listens there",
    )
