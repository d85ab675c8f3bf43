"""TLS 1.2 or newer only (mission T1): an older client gets no connection, whatever ciphers it offers."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.app.edge.server import tls_context
from penstock.kit.tls import development_certificate


def shake_hands(folder: Path, newest: ssl.TLSVersion) -> str | None:
    """The version that the edge's context and a client of at most ``newest`` agree on."""
    files = development_certificate(folder, datetime.now(UTC))
    client_context = ssl.create_default_context(cafile=str(files.ca))
    client_context.set_ciphers("ALL:@SECLEVEL=0")  # or the client itself would refuse what is old
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that old versions are deprecated is the point
        client_context.minimum_version = ssl.TLSVersion.TLSv1
        client_context.maximum_version = newest
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname="localhost")
    server = tls_context(files.certificate, files.key).wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return client.version()


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_spoken(tmp_path: Path, newest: ssl.TLSVersion) -> None:
    assert shake_hands(tmp_path, newest) == newest.name.replace("_", ".")


def test_tls_1_1_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLError, match=r"version|protocol"):
        shake_hands(tmp_path, ssl.TLSVersion.TLSv1_1)
