"""Token buckets: a steady rate with a burst of one second, counted without a clock of their own."""

from __future__ import annotations

from collections import OrderedDict


class TokenBucket:
    """Gives ``per_second`` tokens a second and keeps at most one second's worth (at least one)."""

    def __init__(self, per_second: float, now_s: float) -> None:
        self._rate = per_second
        self._most = max(1.0, per_second)
        self._tokens = self._most
        self._seen_s = now_s

    def take(self, now_s: float, count: float = 1.0) -> bool:
        """Take ``count`` tokens at a monotonic time in seconds; False when there are too few, and none is taken."""
        self._tokens = min(self._most, self._tokens + max(0.0, now_s - self._seen_s) * self._rate)
        self._seen_s = now_s
        if self._tokens < count:
            return False
        self._tokens -= count
        return True


class Buckets:
    """One bucket per key; of many keys, the ones that were quiet longest are forgotten (they would be full)."""

    def __init__(self, per_second: float, most_keys: int = 10_000) -> None:
        self._rate = per_second
        self._most_keys = most_keys
        self._buckets: OrderedDict[int, TokenBucket] = OrderedDict()

    def take(self, key: int, now_s: float, count: float = 1.0) -> bool:
        """Take tokens from the bucket of ``key``."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._rate, now_s)
            if len(self._buckets) > self._most_keys:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        return bucket.take(now_s, count)
