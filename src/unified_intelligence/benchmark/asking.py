"""Plain requests around a load: before it, who is there; after it, what it says of what it wrote."""

from __future__ import annotations

import http.client
import socket
import ssl

from unified_intelligence.benchmark.connection import Address
from unified_intelligence.benchmark.plan import Target

PATIENCE = 20.0  # seconds for each answer


def connected(target: Target, address: Address, patience: float = PATIENCE) -> http.client.HTTPConnection:
    """A connection for what is asked before a load and after it. Raises OSError."""
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.sock = socket.create_connection(address.place[:2], timeout=patience)
    if target.tls:
        connection.sock = ssl.create_default_context().wrap_socket(connection.sock, server_hostname=target.host)
    return connection


def ask(target: Target, address: Address, path: str, patience: float = PATIENCE) -> tuple[int, bytes, str]:
    """The status of a GET, its body, and what the server calls itself. Raises OSError, HTTPException."""
    connection = connected(target, address, patience)
    try:
        connection.request("GET", path, headers=dict(target.headers))
        reply = connection.getresponse()
        return reply.status, reply.read(), reply.headers.get("server", "")
    finally:
        connection.close()
