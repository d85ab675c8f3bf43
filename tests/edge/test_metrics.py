"""What an edge counts of its requests, as Prometheus reads it."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from penstock.app.edge.metrics import EdgeMetrics


def samples(metrics: EdgeMetrics) -> dict[tuple[str, str], float]:
    """Each figure by its name and what tells it from the others of that name."""
    families = text_string_to_metric_families(metrics.text().decode())
    found = [sample for family in families for sample in family.samples]
    return {(s.name, s.labels.get("le") or s.labels.get("status") or ""): s.value for s in found}


def test_requests_are_counted_by_status_and_time() -> None:
    metrics = EdgeMetrics(lambda: 0)
    for status, seconds in ((201, 0.001), (201, 0.004), (402, 0.004), (503, 11.0)):
        metrics.requests.count("/v1/payments", "POST", status, seconds)
    metrics.requests.in_flight += 2
    found = samples(metrics)
    name = "penstock_edge_request_seconds"
    assert found["penstock_edge_requests_total", "201"] == 2
    assert found["penstock_edge_requests_total", "402"] == 1
    assert found["penstock_edge_in_flight", ""] == 2
    assert [found[f"{name}_bucket", bound] for bound in ("0.001", "0.003", "0.005", "10.0", "+Inf")] == [1, 1, 3, 3, 4]
    assert found[f"{name}_count", ""] == 4
    assert round(found[f"{name}_sum", ""], 6) == 11.009
