"""A TLS server with a certificate that nobody vouches for."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HEARD_MAX = 65_536


@dataclass(slots=True)
class Nobody:
    """The server. `heard`: what came through its TLS, which should be nothing."""

    url: str = ""
    heard: bytes = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard += await reader.read(HEARD_MAX)
        writer.close()


@asynccontextmanager
async def nobodys_server(folder: Path) -> AsyncIterator[Nobody]:
    """Listens on 127.0.0.1; its certificate is in `folder`."""
    nobody = Nobody()
    server = await asyncio.start_server(nobody.serve, "127.0.0.1", 0, ssl=_context(folder))
    async with server:
        nobody.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield nobody


def _context(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate that it has signed itself, for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now, day = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - day).not_valid_after(now + day)
    certificate = builder.add_extension(host, critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "nobody.pem"
    path.write_bytes(private + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
