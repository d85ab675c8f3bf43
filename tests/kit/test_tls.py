"""The development certificate is trusted by who has the CA file, for this machine only."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from penstock.kit.tls import Certificate, development_certificate

NOW = datetime.now(UTC)  # the handshake compares with the real clock


def shake_hands(files: Certificate, name: str) -> str | None:
    """Let a client that trusts ``files.ca`` meet a server; the TLS version they agree on."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    left, right = socket.socketpair()

    def serve() -> None:
        try:
            with server.wrap_socket(right, server_side=True) as channel:
                channel.recv(1)
        except (ssl.SSLError, OSError):
            right.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with ssl.create_default_context(cafile=files.ca).wrap_socket(left, server_hostname=name) as channel:
            channel.sendall(b"x")
            return channel.version()
    finally:
        left.close()
        thread.join()
        right.close()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_it_is_good_for_this_machine(tmp_path: Path, name: str) -> None:
    assert shake_hands(development_certificate(tmp_path, NOW), name) == "TLSv1.3"


def test_it_is_good_for_no_other_name(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(development_certificate(tmp_path, NOW), "example.com")


def test_it_is_kept_and_made_anew_before_it_runs_out(tmp_path: Path) -> None:
    first = development_certificate(tmp_path, NOW).certificate.read_bytes()
    assert development_certificate(tmp_path, NOW + timedelta(days=300)).certificate.read_bytes() == first
    assert development_certificate(tmp_path, NOW + timedelta(days=340)).certificate.read_bytes() != first


def test_its_key_is_private(tmp_path: Path) -> None:
    assert stat.S_IMODE(development_certificate(tmp_path, NOW).key.stat().st_mode) == 0o600
