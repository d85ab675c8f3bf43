"""Models over HTTP: what is stored, what is refused and why, and who may look."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import msgspec
from support.edge import Api
from support.people import Staff, kind
from support.published import MATURITY_S, NATIVE, amount_model, upload_of

from penstock.contracts.features import REGISTRY_VERSION
from penstock.improve.learning.card import CARD_FORMAT
from penstock.prepare.models import rules

ONNX = amount_model()


def body(onnx: bytes = ONNX, **changes: Any) -> dict[str, Any]:
    return upload_of(onnx, **changes)


async def upload(api: Api, caller: str = "mina", **changes: Any) -> httpx.Response:
    return await api.post("/v1/models", {**body(), **changes}, caller)


def errors(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [error["field"] for error in answer.json()["errors"]]


def test_a_model_is_stored_once_and_listed(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        first, again = await upload(api), await upload(api)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json()["model"] == again.json()["model"]
        view = first.json()["model"]
        assert (view["name"], view["registry"], view["maturity_s"]) == ("amount", REGISTRY_VERSION, MATURITY_S)
        assert (view["onnx_bytes"], view["native_bytes"]) == (len(ONNX), len(NATIVE))
        assert (view["uploaded_by"], view["in_force"]) == ("mina", False)
        shown = (await api.get(f"/v1/models/{view['model']}", "bo")).json()
        assert shown["card"] == body()["card"]
        listed = (await api.get("/v1/models", "bo")).json()
        assert (listed["models"], listed["in_force"], listed["next_cursor"]) == ([view], None, None)

    staff.run(journey)


def test_the_newest_comes_first_page_by_page_and_there_is_a_most(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        made = [body(amount_model(half_at), name=f"number {half_at}") for half_at in (8.0, 9.0, 10.0, 11.0)]
        answers = [await api.post("/v1/models", each, "mina") for each in made]
        assert [answer.status_code for answer in answers] == [201, 201, 201, 409]
        assert kind(answers[-1]) == "models_full"
        names, cursor = [], ""
        while True:
            page = (await api.get(f"/v1/models?limit=2&cursor={cursor}", "mina")).json()
            names += [model["name"] for model in page["models"]]
            if not (cursor := page["next_cursor"]):
                break
        assert names == ["number 10.0", "number 9.0", "number 8.0"]

    staff.run(journey)


def test_what_does_not_fit_is_named_field_by_field(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        foreign = await api.post("/v1/models", {**body(), "native": base64.b64encode(b"other").decode()}, "mina")
        assert errors(foreign) == ["native"]
        swapped = await api.post("/v1/models", {**body(), "onnx": body(amount_model(1.0))["onnx"]}, "mina")
        assert errors(swapped) == ["onnx"]
        unfit = body(registry_version=REGISTRY_VERSION + 1, name="two\nlines", maturity_s=86_400)
        refused = await api.post("/v1/models", unfit, "mina")
        assert errors(refused) == ["card.name", "card.registry_version", "card.data.maturity_us"]
        assert "30 days" in refused.json()["errors"][2]["fix"]
        assert errors(await api.post("/v1/models", body(features=["payment.amount"]), "mina")) == ["card.features"]
        card = {name: value for name, value in body()["card"].items() if name != "onnx_sha256"}
        assert errors(await upload(api, card=card)) == ["card.onnx_sha256"]
        assert errors(await upload(api, onnx="no base64!")) == ["onnx"]
        assert errors(await upload(api, further=1)) == ["further"]
        nested = msgspec.json.encode(body()).replace(b'"importance":{', b'"importance":' + b"[" * 5_000)
        assert (await api.send("/v1/models", nested, "mina")).status_code in (400, 422)
        assert (await api.get("/v1/models", "mina")).json()["models"] == []

    staff.run(journey)


def test_one_graph_has_one_card_for_ever(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        assert (await upload(api)).status_code == 201
        other = await api.post("/v1/models", body(name="better"), "mina")
        assert (other.status_code, kind(other)) == (409, "model_differs")

    staff.run(journey)


def test_an_upload_has_its_own_bound(staff: Staff) -> None:
    """40,000 bytes in this world, while other bodies may be larger."""

    async def journey(api: Api) -> None:
        assert errors(await upload(api, native="QUJD" * 5_000)) == ["native"]
        answer = await upload(api, native="QUJD" * 15_000)
        assert (answer.status_code, kind(answer)) == (413, "body_too_large")

    staff.run(journey)


def test_only_who_brings_models_uploads(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        for caller in ("shop", "reader", "bo", "eve"):
            answer = await upload(api, caller)
            assert (answer.status_code, kind(answer)) == (403, "scope_missing")

    staff.run(journey)


def test_models_are_no_business_of_clients(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        sha256 = (await upload(api)).json()["model"]["model"]
        for path in ("/v1/models", f"/v1/models/{sha256}"):
            assert kind(await api.get(path, "shop")) == "scope_missing"
            assert (await api.get(path, "eve")).status_code == 200
        assert kind(await api.get(f"/v1/models/{'0' * 64}", "mina")) == "not_found"
        assert errors(await api.get("/v1/models/latest", "mina")) == ["model"]
        assert errors(await api.get("/v1/models?cursor=x", "mina")) == ["model"]
        assert errors(await api.get("/v1/models?limit=0", "mina")) == ["limit"]

    staff.run(journey)


def test_the_form_of_cards_is_that_of_training() -> None:
    assert rules.CARD_FORMAT == CARD_FORMAT
