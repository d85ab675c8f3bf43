"""What makes an upload a model that fits; each thing that does not is named with its field and its remedy."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from support.published import MATURITY_S, NATIVE, amount_model, upload_of

from penstock.contracts.features import REGISTRY_VERSION
from penstock.improve.learning.card import CARD_FORMAT
from penstock.kit.http.problem import Problem
from penstock.prepare.models import rules

MATURITY_US = MATURITY_S * 1_000_000
ONNX = amount_model()
BODY = upload_of(ONNX)


def refused(body: bytes) -> list[str]:
    """The fields that cannot be used."""
    with pytest.raises(Problem) as caught:
        rules.read_upload(body, MATURITY_US)
    assert caught.value.status == 422
    return [error.field for error in caught.value.errors]


def changed(**changes: Any) -> bytes:
    """An upload with other fields."""
    return msgspec.json.encode({**BODY, **changes})


def test_a_folder_of_training_fits() -> None:
    checked = rules.read_upload(changed(), MATURITY_US)
    assert checked.sha256.hex() == BODY["card"]["onnx_sha256"]
    assert (checked.model.onnx, checked.model.native) == (ONNX, NATIVE.encode())
    assert (checked.model.registry, checked.model.maturity_us) == (REGISTRY_VERSION, MATURITY_US)
    assert msgspec.json.decode(checked.model.card) == BODY["card"]
    assert rules.CARD_FORMAT == CARD_FORMAT


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"native": base64.b64encode(b"other").decode()}, ["native"]),
        ({"onnx": upload_of(amount_model(1.0))["onnx"]}, ["onnx"]),
        ({"onnx": "no base64!"}, ["onnx"]),
        ({"further": 1}, ["further"]),
        ({"card": {name: value for name, value in BODY["card"].items() if name != "onnx_sha256"}}, ["card.onnx_sha256"]),
        ({"card": {**BODY["card"], "format": 2}}, ["card.format"]),
        ({"card": {**BODY["card"], "features": ["payment.amount"]}}, ["card.features"]),
        ({"card": {**BODY["card"], "data": {"maturity_us": "long"}}}, ["card.data.maturity_us"]),
        (upload_of(ONNX, registry_version=REGISTRY_VERSION + 1, name="two\nlines", maturity_s=86_400),
         ["card.name", "card.registry_version", "card.data.maturity_us"]),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(changes: dict[str, Any], fields: list[str]) -> None:
    assert refused(changed(**changes)) == fields


def test_another_maturity_says_which_one_is_wanted() -> None:
    with pytest.raises(Problem) as caught:
        rules.read_upload(changed(), 7 * 86_400_000_000)
    [error] = caught.value.errors
    assert ("30 days" in error.problem, "maturity_days = 7" in error.fix) == (True, True)


def test_nothing_nests_for_ever_and_no_control_character_is_stored() -> None:
    nested = changed().replace(b'"importance":{', b'"importance":{"x":' + b"[" * 5_000 + b"]" * 5_000 + b",")
    assert refused(nested) == ["card"]
    with_nul = changed(card={**BODY["card"], "created": "\x00 and \x1f"})
    assert "\x00" not in rules.read_upload(with_nul, MATURITY_US).model.card
