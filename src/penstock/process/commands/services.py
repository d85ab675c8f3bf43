"""What the hot routes are given, and what they all ask of it before the lane is asked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection

from penstock.contracts.ids import PublicIds, uuid7_time_ms
from penstock.contracts.lane_port import Lane
from penstock.contracts.marks import Marks
from penstock.contracts.office import Office
from penstock.contracts.policy import Policy
from penstock.contracts.principal import Principal
from penstock.kit.http.buckets import TokenBucket
from penstock.kit.http.problem import too_many
from penstock.kit.settings import Settings
from penstock.process.commands import access
from penstock.process.commands.records import Terms

#: Ids older than this may lie in closed partitions, where looking them up costs the lane time.
_OLD_ID_MS: Final = 10 * 60 * 1000


class Services(NamedTuple):
    """What the routes are given."""

    lane: Lane
    ids: PublicIds
    settings: Settings
    #: Tier names of the policy in force → index.
    tiers: Callable[[], dict[str, int]]
    #: A connection that reads the journal.
    journal: Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]]
    #: Unix time in ms, and a monotonic time in seconds.
    time_ms: Callable[[], int]
    monotonic_s: Callable[[], float]
    #: How many old ids may still be sent this second.
    old_ids: TokenBucket
    #: Makes marks of the texts that come with a payment.
    marks: Marks
    #: The policy in force.
    policy: Callable[[], Policy]
    #: The back office, where requests for approval wait.
    office: Office


def terms_of(services: Services, principal: Principal) -> Terms:
    """What translation needs besides a body of this caller's."""
    settings = services.settings
    return Terms(
        principal.client, services.tiers(), settings.payload_bytes, services.marks, principal.person,
        access.operates(principal), bool(settings.sandbox),
    )  # fmt: skip


def spare_old_ids(services: Services, halves: NDArray[np.int64]) -> None:
    """Refuse more old ids than may be looked up in closed partitions.

    :param halves: the upper halves of the commands' ids (n,).
    :raises Problem: 429; nothing was done.
    """
    oldest_ms = services.time_ms() - _OLD_ID_MS
    old = int(np.count_nonzero((halves.view(np.uint64) >> np.uint64(16)).astype(np.int64) < oldest_ms))
    _spare(services, old)


def spare_old_id(services: Services, half: int) -> None:
    """The same for a single command, by the upper half of its id.

    :raises Problem: 429; nothing was done.
    """
    if uuid7_time_ms(half) < services.time_ms() - _OLD_ID_MS:
        _spare(services, 1)


def _spare(services: Services, old: int) -> None:
    if old and not services.old_ids.take(services.monotonic_s(), old):
        most = services.settings.old_ids_per_second
        detail = f"Ids older than 10 minutes are slow to look up; at most {most} a second. Nothing was done."
        raise too_many("old_ids", "Too many old ids", detail)
