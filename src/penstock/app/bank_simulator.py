"""The bank simulator's process: its books on disk, its service on a port."""

from __future__ import annotations

import time
from pathlib import Path

import uvicorn

from penstock.improve.bank.routes import make_bank
from penstock.improve.bank.rules import Behaviour
from penstock.improve.bank.store import Books


def serve(path: Path, key: str, host: str, port: int, manner: tuple[Behaviour | None, float]) -> None:
    """Serve until SIGTERM or SIGINT.

    :param manner: how to behave (None = as before) and how late it pays or returns, seconds.
    """
    books = Books(path)
    behaviour, delay_s = manner
    if behaviour is not None:
        books.behave(behaviour, delay_s)
    config = uvicorn.Config(
        make_bank(books, key, time.time), host=host, port=port, log_level="warning", access_log=False,
        timeout_graceful_shutdown=1, lifespan="on", server_header=False,
    )  # fmt: skip
    uvicorn.Server(config).run()
