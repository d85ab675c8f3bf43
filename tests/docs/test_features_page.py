"""docs/features.md is what the registry renders."""

from __future__ import annotations

from pathlib import Path

from penstock.contracts.features import BY_NAME, FEATURES, SLOTS
from penstock.contracts.features_doc import render_features

PAGE = Path(__file__).resolve().parents[2] / "docs" / "features.md"


def test_the_page_is_what_the_registry_renders() -> None:
    assert PAGE.read_text("utf-8") == render_features(), "run `make docs`"


def test_every_feature_is_defined_in_both_languages() -> None:
    assert len(BY_NAME) == len({feature.slot for feature in FEATURES}) == SLOTS
    assert [feature.name for feature in FEATURES if not (feature.term.en and feature.term.zh and feature.term.unit)] == []
