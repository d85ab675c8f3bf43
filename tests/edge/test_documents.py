"""The documents say what the tables say, and need no network."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from penstock.app.edge.openapi import HOT_ROUTES
from penstock.app.edge.ordinary import make_document
from penstock.app.edge.reference import page
from penstock.contracts.reasons import Reason
from penstock.contracts.reasons_doc import render_reasons, render_states
from penstock.process.commands import sandbox

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_rendered_documents_are_up_to_date() -> None:
    remedy = "run `make docs`"
    assert (DOCS / "reasons.md").read_text("utf-8") == render_reasons(), remedy
    assert (DOCS / "states.md").read_text("utf-8") == render_states(), remedy
    assert (DOCS / "sandbox.md").read_text("utf-8") == sandbox.render(), remedy


def test_the_openapi_document_is_whole() -> None:
    document = make_document()
    text = msgspec.json.encode(document).decode()
    assert document["openapi"].startswith("3.1")
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert names <= set(document["components"]["schemas"])
    for route in HOT_ROUTES:
        assert "post" in document["paths"][route.path]
    operations = [(p, m, o) for p, item in document["paths"].items() for m, o in item.items()]
    identities = [o["operationId"] for _, _, o in operations]
    assert len(set(identities)) == len(identities)
    assert {"name": "key", "in": "query"} not in [
        {k: p[k] for k in ("name", "in")} for _, _, o in operations for p in o.get("parameters", [])
    ]


def test_every_path_of_the_contract_is_documented() -> None:
    contract = (DOCS / "api.md").read_text("utf-8")
    paths = make_document()["paths"]
    for method, path in re.findall(r"`?(GET|POST) (/[a-z0-9/{}_-]+)", contract):
        assert method.lower() in paths.get(path, {}), f"{method} {path} is in docs/api.md only"


def test_the_page_needs_no_network_and_no_script() -> None:
    html = page(make_document())
    assert "<script" not in html
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", html)
    for reason in Reason:
        assert f"<code>{reason.name.lower()}</code>" in html
    assert "限额" in html


@pytest.mark.parametrize("route", HOT_ROUTES, ids=lambda route: route.path)
def test_every_hot_route_has_a_scope_and_a_body(route: object) -> None:
    assert route.scope  # type: ignore[attr-defined]
    assert route.body  # type: ignore[attr-defined]
