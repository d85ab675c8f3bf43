"""What an edge counts, and the lane's figures, as Prometheus text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from penstock.contracts.lane_port import COMMIT_BOUNDS_MS, StatusAnswer
from penstock.contracts.reasons import Reason
from penstock.review.status.actions import OfficeState

MEDIA_TYPE: Final = "text/plain; version=0.0.4"  # Litestar adds the charset
_SECONDS: Final = (0.001, 0.002, 0.003, 0.005, 0.008, 0.013, 0.021, 0.034, 0.055, 0.089, 0.144, 0.233, 0.377, 1.0, 10.0)
_BOUNDS: Final = (*map(str, _SECONDS), "+Inf")
#: Field of ``Counters`` → sentence; those that only grow while the lane's process lives.
_COUNTED: Final = {
    "batches": "Batches committed", "commands": "Commands taken", "rows": "Journal rows written",
    "replays": "Commands answered from the journal", "refused": "Commands refused without a trace",
}  # fmt: skip
_MEASURED: Final = {
    "epoch": "Epoch of the lane", "last_seq": "Last committed sequence", "accounts": "Accounts", "customers": "Customers",
    "purses": "Purses", "open_holds": "Open holds", "ring_depth_last": "Commands found waiting by the last batch",
    "batch_rows_last": "Rows of the last batch", "checkpoint_seq": "Sequence of the newest checkpoint",
    "policy_version": "Version of the policy in force", "ids_in_memory": "Command ids kept in memory",
    "evicted": "Entries evicted from bounded tables",
}  # fmt: skip


class EdgeMetrics:
    """Counters of this edge, and a place for the lane's newest figures."""

    def __init__(self, time_us: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self.requests = RequestFigures()
        self._registry.register(self.requests)
        self.lane = LaneFigures(time_us)
        self._registry.register(self.lane)
        self.office = OfficeFigures(time_us)
        self._registry.register(self.office)

    def watch(self, name: str, sentence: str, read: Callable[[], float]) -> None:
        """Add a figure that is read when somebody asks."""
        Gauge(name, sentence, registry=self._registry).set_function(read)

    def text(self) -> bytes:
        """The whole in Prometheus' text format."""
        return generate_latest(self._registry)


class RequestFigures(Collector):
    """Requests and their times, as plain numbers: a counter of Prometheus' own takes a lock for each of them."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._answered: dict[tuple[str, str, int], int] = {}
        self._times: dict[str, _Times] = {}

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request; ``seconds`` from its header to its answer."""
        key = (route, method, status)
        self._answered[key] = self._answered.get(key, 0) + 1
        times = self._times.get(route)
        if times is None:
            times = self._times[route] = _Times()
        times.buckets[bisect_left(_SECONDS, seconds)] += 1
        times.sum_s += seconds

    def collect(self) -> Iterable[Metric]:
        """The metrics of now."""
        answered = CounterMetricFamily("penstock_edge_requests", "Requests answered", labels=["route", "method", "status"])
        for (route, method, status), count in list(self._answered.items()):
            answered.add_metric([route, method, str(status)], count)
        yield answered
        seconds = HistogramMetricFamily("penstock_edge_request_seconds", "From header to answer", labels=["route"])
        for route, times in list(self._times.items()):
            seconds.add_metric([route], list(zip(_BOUNDS, accumulate(times.buckets), strict=True)), times.sum_s)
        yield seconds
        yield GaugeMetricFamily("penstock_edge_in_flight", "Requests under way", value=self.in_flight)


class _Times:
    """How long the requests of one route took: how many fell into each bucket, and the sum in seconds."""

    __slots__ = ("buckets", "sum_s")

    def __init__(self) -> None:
        self.buckets = [0] * len(_BOUNDS)
        self.sum_s = 0.0


class LaneFigures(Collector):
    """Turns the lane's newest status into metrics."""

    def __init__(self, time_us: Callable[[], int]) -> None:
        self._time_us = time_us
        self.status: StatusAnswer | None = None

    def collect(self) -> Iterable[Metric]:
        """The metrics of now; none while the lane has not been seen."""
        status = self.status
        if status is None:
            return
        counters = status.counters
        for field, sentence in _COUNTED.items():
            yield CounterMetricFamily(f"penstock_lane_{field}", sentence, value=getattr(counters, field))
        for field, sentence in _MEASURED.items():
            yield GaugeMetricFamily(f"penstock_lane_{field}", sentence, value=getattr(counters, field))
        if counters.checkpoint_time_us:
            age_s = (self._time_us() - counters.checkpoint_time_us) / 1e6
            yield GaugeMetricFamily("penstock_lane_checkpoint_age_seconds", "Age of the newest checkpoint", value=age_s)
        yield GaugeMetricFamily(
            "penstock_lane_commit_seconds_last", "Time of the last commit", value=counters.commit_us_last / 1e6
        )
        yield _commit_times(status)
        yield _money(status)
        yield _outcomes(status)


class OfficeFigures(Collector):
    """Turns the back office's newest state into metrics."""

    def __init__(self, time_us: Callable[[], int]) -> None:
        self._time_us = time_us
        self.state: OfficeState | None = None

    def collect(self) -> Iterable[Metric]:
        """The metrics of now; none while the database has not been seen."""
        state = self.state
        if state is None:
            return
        lags = GaugeMetricFamily("penstock_tail_lag_rows", "Rows that a tail has still to see", labels=["tail"])
        for name, progress in state.tails.items():
            lags.add_metric([name], progress.lag)
        yield lags
        failures = GaugeMetricFamily("penstock_office_job_failures", "Failures since it was last well", labels=["job"])
        for job in state.jobs:
            failures.add_metric([job.job], job.failures)
        yield failures
        if state.noted_us:
            age_s = (self._time_us() - state.noted_us) / 1e6
            yield GaugeMetricFamily("penstock_office_age_seconds", "Since the office noted its jobs", value=age_s)


def _commit_times(status: StatusAnswer) -> Metric:
    total, buckets = 0, []
    bounds = [*(str(bound / 1000) for bound in COMMIT_BOUNDS_MS), "+Inf"]
    for bound, count in zip(bounds, status.commit_times, strict=True):
        total += count
        buckets.append((bound, float(total)))
    family = HistogramMetricFamily("penstock_lane_commit_seconds", "Time of a commit")
    family.add_metric([], buckets=buckets, sum_value=None)
    return family


def _money(status: StatusAnswer) -> Metric:
    family = GaugeMetricFamily("penstock_lane_money_minor", "Money in minor units", labels=["currency", "what"])
    for code, totals in status.totals.items():
        for what, amount in totals._asdict().items():
            family.add_metric([code, what], amount)
    return family


def _outcomes(status: StatusAnswer) -> Metric:
    family = CounterMetricFamily("penstock_lane_outcomes", "Commands by reason", labels=["reason"])
    for code, count in status.reasons.items():
        family.add_metric([Reason(code).name.lower()], count)
    return family
