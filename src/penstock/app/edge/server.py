"""The HTTPS server: uvicorn with TLS 1.2 or newer, and patience with slow clients that ends."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import uvicorn

from penstock.app.edge.heads import Heads
from penstock.app.edge.prompt import Prompt
from penstock.app.edge.protocol import EdgeProtocol
from penstock.kit.settings import Settings


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """A server context: TLS 1.2 or newer, whatever the system's defaults are, and no compression."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate, key)
    return context


def make_server(
    app: Any, settings: Settings, port: int, context: ssl.SSLContext, prompt: Prompt | None = None
) -> uvicorn.Server:
    """A server for ``app``, and for what can be answered promptly; run it with ``await server.serve()``."""
    own = {"patience_s": settings.request_timeout_s, "prompt": prompt, "heads": Heads()}
    protocol = type("Protocol", (EdgeProtocol,), own)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=port,
        http=protocol,
        ws="none",
        loop="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=settings.connections,
        timeout_keep_alive=settings.idle_s,
        timeout_graceful_shutdown=int(settings.reply_timeout_s) + 1,
        ssl_context_factory=lambda _config, _default: context,
    )
    return uvicorn.Server(config)
