"""What every route of the back office is given: the lane, and a connection that may write the office's tables."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection

from penstock.contracts.ids import PublicIds
from penstock.contracts.lane_port import Lane
from penstock.kit.settings import Settings

#: The id of the model in force, whichever it is, where a request for approval is about it.
MODEL_IN_FORCE: Final = "in-force"


@dataclass(frozen=True)
class Office:
    """The services of the back office's routes."""

    lane: Lane
    ids: PublicIds
    settings: Settings
    #: A connection that may write, in autocommit: open a ``connection.transaction()`` for what belongs together.
    connection: Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]]
    #: The time of now, with its zone.
    now: Callable[[], datetime]
