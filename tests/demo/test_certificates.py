"""The throw-away authority: strict clients accept what it signs, for the names it signs."""

import asyncio
import ssl
from pathlib import Path

import pytest

from proxy.demo.certificates import Authority


async def _handshake(folder: Path, name: str) -> None:
    authority = Authority()
    context = authority.server_context(["api.example", "127.0.0.1"], folder)
    trust = ssl.create_default_context(cadata=authority.pem.decode())
    trust.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=trust, server_hostname=name
        )
        assert await reader.read() == b"hello"
        writer.close()


@pytest.mark.parametrize("name", ["api.example", "127.0.0.1"])
async def test_a_strict_client_accepts_the_names(tmp_path: Path, name: str) -> None:
    await _handshake(tmp_path, name)


async def test_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await _handshake(tmp_path, "elsewhere.example")


def test_the_key_is_for_nobody_else(tmp_path: Path) -> None:
    Authority().server_context(["a.example"], tmp_path)
    assert (tmp_path / "server.pem").stat().st_mode & 0o777 == 0o600
