"""Where the parts find one another: settings, clock, database and sockets of this installation."""

from __future__ import annotations

import os
import time
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

from psycopg.conninfo import make_conninfo

from penstock.kit import postgres
from penstock.kit.secrets import SecretFolder
from penstock.kit.settings import Settings, load_settings
from penstock.kit.tls import Certificate, development_certificate


def load() -> Settings:
    """The settings of this process's environment.

    :raises BadSetting: for an unknown name or a value out of bounds.
    """
    return load_settings(os.environ)


def clock_us() -> int:
    """Unix time in µs."""
    return time.time_ns() // 1000


def secrets(settings: Settings) -> SecretFolder:
    """The installation's key material; production makes none by itself."""
    return SecretFolder(settings.home / "secrets", may_make=settings.profile != "production")


def dsn(settings: Settings, role: str) -> str:
    """Connection string of a database role (such as ``penstock_lane``), password included: never log it."""
    if settings.database_url:
        return make_conninfo(settings.database_url, user=role, password=secrets(settings).database_password(role))
    return postgres.make_dsn(settings.home, secrets(settings), role)


def certificate(settings: Settings) -> Certificate:
    """The server's certificate; in development it is made, or renewed, by the first who asks: the supervisor."""
    if settings.tls_certificate:
        own = Path(settings.tls_certificate)
        return Certificate(own, own, Path(settings.tls_key))
    return development_certificate(settings.home / "tls", datetime.now(UTC))


def lane_socket(settings: Settings) -> Path:
    """Path of the socket on which the lane of ``settings.lane`` meets its edges; short enough for the kernel."""
    return postgres.runtime_folder(settings.home) / f"lane-{settings.lane}.sock"


def environment(settings: Settings) -> dict[str, str]:
    """The environment of a process of these settings: ours, with every setting in it.

    What could tell DBOS to work for somebody else, or to report elsewhere, is left out.
    """
    named = {f"PENSTOCK_{field.name.upper()}": str(getattr(settings, field.name)) for field in fields(settings)}
    ours = {name: value for name, value in os.environ.items() if not name.startswith("DBOS")}
    return {**ours, **named}


def base_url(settings: Settings, edge: int = 0) -> str:
    """The HTTPS address of an edge, as a caller on this machine writes it."""
    host = "localhost" if settings.host in {"127.0.0.1", "::1", "0.0.0.0", "::"} else settings.host  # noqa: S104 - compared, not bound
    return f"https://{host}:{settings.port + edge}"
