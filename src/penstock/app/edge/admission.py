"""Who may come in, and how often: first the key, then the rate of its client."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from penstock.app.edge.auth import Keys
from penstock.contracts.principal import Principal
from penstock.kit.http.asgi import Scope
from penstock.kit.http.buckets import Buckets
from penstock.kit.http.problem import too_many
from penstock.kit.settings import Settings


class Admission:
    """Admits callers at one edge."""

    def __init__(
        self, settings: Settings, keys: Keys, now: Callable[[], datetime], monotonic_s: Callable[[], float]
    ) -> None:
        self._most = settings.requests_per_second
        self._keys = keys
        self._now = now
        self._monotonic_s = monotonic_s
        self._rates = Buckets(self._most)

    async def admit(self, scope: Scope) -> Principal:
        """The caller, if its key is good and it is not too fast.

        :raises Problem: 401, 429 or 503.
        """
        principal = await self._keys.admit(scope, self._now())
        self.spare(principal)
        return principal

    def known(self, authorization: bytes) -> Principal | None:
        """The caller of a key that was found good a moment ago; None = ``admit`` has to look at it. Its rate is not looked at."""
        return self._keys.known(authorization, self._now())

    def spare(self, principal: Principal) -> None:
        """Refuse a caller that is too fast.

        :raises Problem: 429.
        """
        if not self._rates.take(principal.client, self._monotonic_s()):
            detail = f"At most {self._most:g} requests a second of one client at one edge. Nothing was done."
            raise too_many("rate_exceeded", "Too many requests", detail)
