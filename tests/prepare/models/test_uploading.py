"""Models over HTTP: what is stored and listed, how much, and who may look."""

from __future__ import annotations

from typing import Any

import httpx
from support.edge import Api
from support.people import Staff, kind
from support.published import MATURITY_S, NATIVE, amount_model, upload_of

from penstock.contracts.features import REGISTRY_VERSION

ONNX = amount_model()


async def upload(api: Api, caller: str = "mina", **changes: Any) -> httpx.Response:
    return await api.post("/v1/models", upload_of(ONNX, **changes), caller)


def field(answer: httpx.Response) -> str:
    """The only field that cannot be used."""
    assert answer.status_code == 422, answer.text
    [error] = answer.json()["errors"]
    return str(error["field"])


def test_a_model_is_stored_once_and_read_by_those_whom_it_concerns(staff: Staff) -> None:
    async def journey(api: Api) -> None:
        first, again, other = await upload(api), await upload(api), await upload(api, name="better")
        assert (first.status_code, again.status_code) == (201, 200)
        assert (other.status_code, kind(other)) == (409, "model_differs")
        view = first.json()["model"]
        assert again.json()["model"] == view
        assert (view["name"], view["registry"], view["maturity_s"]) == ("amount", REGISTRY_VERSION, MATURITY_S)
        assert (view["onnx_bytes"], view["native_bytes"]) == (len(ONNX), len(NATIVE))
        assert (view["uploaded_by"], view["in_force"]) == ("mina", False)
        one = f"/v1/models/{view['model']}"
        assert (await api.get(one, "bo")).json()["card"] == upload_of(ONNX)["card"]
        listed = (await api.get("/v1/models", "eve")).json()
        assert (listed["models"], listed["in_force"], listed["next_cursor"]) == ([view], None, None)
        for path in (one, "/v1/models"):
            assert kind(await api.get(path, "shop")) == "scope_missing", "models are no business of clients"
        for caller in ("shop", "reader", "bo", "eve"):
            assert kind(await upload(api, caller)) == "scope_missing"
        assert kind(await api.get(f"/v1/models/{'0' * 64}", "mina")) == "not_found"
        for path, wrong in (
            ("/v1/models/latest", "model"),
            ("/v1/models?cursor=x", "model"),
            ("/v1/models?limit=0", "limit"),
        ):
            assert field(await api.get(path, "mina")) == wrong

    staff.run(journey)


def test_models_are_bounded_in_size_and_number_and_listed_page_by_page(staff: Staff) -> None:
    """40,000 bytes and three models in this world; other bodies may be larger."""

    async def journey(api: Api) -> None:
        assert field(await api.post("/v1/models", {**upload_of(ONNX), "native": "QUJD" * 5_000}, "mina")) == "native"
        answer = await api.post("/v1/models", {**upload_of(ONNX), "native": "QUJD" * 15_000}, "mina")
        assert (answer.status_code, kind(answer)) == (413, "body_too_large")
        made = [upload_of(amount_model(half_at), name=f"number {half_at}") for half_at in (8.0, 9.0, 10.0, 11.0)]
        answers = [await api.post("/v1/models", each, "mina") for each in made]
        assert [answer.status_code for answer in answers] == [201, 201, 201, 409]
        assert kind(answers[-1]) == "models_full"
        names, cursor = [], ""
        while not names or cursor:
            page = (await api.get(f"/v1/models?limit=2&cursor={cursor}", "mina")).json()
            names += [model["name"] for model in page["models"]]
            cursor = page["next_cursor"]
        assert names == ["number 10.0", "number 9.0", "number 8.0"]

    staff.run(journey)
