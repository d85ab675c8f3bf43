"""Which rows of a stretch may be events for an endpoint: told from whole columns, and from what is known of accounts.

An account's owner is looked up in memory. It may hold too many accounts, never too few: one that was opened a moment ago
counts as owned by whoever listens until its owner has been noted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import Kind
from penstock.journal import tails
from penstock.journal.stretches import Mask, Stretch
from penstock.journal.tails import Connection
from penstock.review.events import store as events
from penstock.review.webhooks import queue
from penstock.review.webhooks.queue import Open

#: Accounts that were opened since, and count as owned, before owners are read anew.
_MOST_OPENED: Final = 10_000
_Numbers = NDArray[np.int64]


class Concerned:
    """What the webhooks' tail knows of accounts; owned by the tail called ``name``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._clients: tuple[int, ...] = ()
        self._owned: NDArray[np.bool_] = np.zeros(1, np.bool_)  # by account; the last stands for all beyond
        self._opened: _Numbers = np.zeros((0, 2), np.int64)  # (sequence, account), not noted yet, as far as is known
        self._next_read = _MOST_OPENED

    async def rows(self, connection: Connection, stretch: Stretch, endpoints: Sequence[Open], kinds: Sequence[int]) -> Mask:
        """The rows of these kinds of command, not older than the oldest endpoint, that may concern an endpoint's client."""
        self._note_opened(stretch)
        await self._let_go(connection, stretch.lane)
        if not endpoints or not kinds:
            return np.zeros(len(stretch.rows), np.bool_)
        oldest_us = min(int(endpoint.made_at.timestamp() * 1_000_000) for endpoint in endpoints)
        about = np.isin(stretch.column("kind"), kinds) & (stretch.column("time_us") >= oldest_us)
        if any(endpoint.all_clients for endpoint in endpoints) or not about.any():
            return about
        await self._know(connection, stretch.lane, tuple(sorted({endpoint.client for endpoint in endpoints})))
        mine = np.isin(stretch.column("client"), self._clients) | self._is_owned(stretch)
        unclear = stretch.positive("ref_seq") | stretch.among("kind", Kind.OPEN_CUSTOMER, Kind.SET_CUSTOMER)
        mask: Mask = about & (mine | unclear)
        return mask

    def _is_owned(self, stretch: Stretch) -> Mask:
        beyond = len(self._owned) - 1
        parties = (np.minimum(stretch.column(name), beyond) for name in ("payer_account", "payee_account"))
        payer, payee = (self._owned[party] for party in parties)
        mask: Mask = payer | payee
        return mask

    def _note_opened(self, stretch: Stretch) -> None:
        rows = events.opens(stretch) & stretch.among("kind", Kind.OPEN_ACCOUNT)
        if rows.any():
            found = np.column_stack((stretch.column("seq")[rows], stretch.column("payee_account")[rows]))
            self._opened = np.concatenate((self._opened, found))
            self._mark(found[:, 1])

    async def _know(self, connection: Connection, lane: int, clients: tuple[int, ...]) -> None:
        """Read whose accounts are, if others listen than before."""
        if clients == self._clients:
            return
        accounts = await queue.accounts_of(connection, lane, clients)
        self._clients, self._owned = clients, np.zeros(1, np.bool_)
        self._mark(accounts)
        self._mark(self._opened[:, 1])

    async def _let_go(self, connection: Connection, lane: int) -> None:
        """Forget accounts whose owners have been noted, once there are many, and let owners be read anew."""
        if len(self._opened) < self._next_read:
            return
        noted = await tails.position(connection, self._name, lane)
        self._clients, self._opened = (), self._opened[self._opened[:, 0] > noted.seq]
        self._next_read = max(_MOST_OPENED, 2 * len(self._opened))

    def _mark(self, accounts: _Numbers) -> None:
        most = int(accounts.max(initial=0))
        if most >= len(self._owned) - 1:
            self._owned = np.concatenate((self._owned, np.zeros(2 * most + 2 - len(self._owned), np.bool_)))
        self._owned[accounts] = True
