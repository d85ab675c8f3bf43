"""Nothing sensitive reaches a log."""

from __future__ import annotations

import pytest

from penstock.kit.telemetry import mask_exception, mask_sensitive


@pytest.mark.parametrize(
    "key",
    ["authorization", "Authorization", "api_key", "key", "client-secret", "password", "reference", "metadata", "dsn", "database_url"],
)
def test_sensitive_values_are_masked_at_any_depth(key: str) -> None:
    event = mask_sensitive(None, "info", {"event": "x", key: "visible", "request": {"inner": [{key: "visible"}]}})
    assert "visible" not in str(event)


def test_the_rest_stays() -> None:
    event = {"event": "refused", "key_id": "abc", "client": 7, "times": [1, 2]}
    assert mask_sensitive(None, "info", dict(event)) == event


def test_values_that_the_database_quotes_are_masked() -> None:
    text = "UniqueViolation: duplicate key\nDETAIL:  Key (reference)=(rent for June) already exists."
    assert "rent" not in str(mask_exception(None, "error", {"exception": text}))
