"""Models whose scores are known by hand, as they lie in the database, and the wishes that publish them."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from penstock.contracts.features import BY_NAME, REGISTRY_VERSION, SLOTS
from support.database import Database
from support.oracle.book import Model
from support.published import amount_model, score_of

#: The maturity of labels of the policy of ``support.life``.
MATURITY_S: Final = 7_200
_EXTRA = BY_NAME["payment.extra_1"].slot


class Judge(NamedTuple):
    """A model for the database, and what the oracle knows of it."""

    name: str
    onnx: bytes
    maturity_s: int
    known: Model


def extra_model() -> bytes:
    """The score is the caller's first extra number as it is: without one, or with another, the model fails."""
    nodes = [
        helper.make_node("Gather", ["features", "slot"], ["score"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "extra",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", SLOTS])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n"])],
        [numpy_helper.from_array(np.array(_EXTRA, np.int64), "slot")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


def _extra_score(c: Any) -> float | None:
    value = c.extra_1 / 65_536 if c.extras_given & 1 else -32.0
    return value if 0 <= value <= 1 else None


@cache
def judges() -> tuple[Judge, ...]:
    """One that reads an extra number, one that reads the amount, one that was trained for another maturity."""
    by_amount = Model(fits=True, score=lambda c: score_of(c.amount_minor))
    return (
        Judge("extra", extra_model(), MATURITY_S, Model(fits=True, score=_extra_score)),
        Judge("amount", amount_model(), MATURITY_S, by_amount),
        Judge("other", amount_model(half_at=11), 2 * MATURITY_S, by_amount._replace(fits=False)),
    )


@cache
def wishes() -> tuple[bytes, ...]:
    """The side records that publish the judges, one that names nothing that is stored, and one that is none."""
    stored = [wish(judge.onnx, judge.name) for judge in judges()]
    return (*stored, wish(b"never seen", "ghost"), b'{"sha256": 5}')


def wish(model: bytes, name: str) -> bytes:
    """The side record that publishes a model."""
    return json.dumps({"name": name, "sha256": hashlib.sha256(model).hexdigest()}).encode()


def known_models() -> dict[bytes, Model]:
    """What the oracle knows, by wish."""
    return {wish(judge.onnx, judge.name): judge.known for judge in judges()}


def store_judges(database: Database) -> None:
    """Put the judges into the database's table of models, once."""
    with database.connect("penstock_admin") as connection:
        person = connection.execute(
            "INSERT INTO person (name) VALUES ('judge') ON CONFLICT (name) DO UPDATE SET name = 'judge' RETURNING person"
        ).fetchone()
        assert person is not None
        for judge in judges():
            connection.execute(
                "INSERT INTO model (sha256, name, registry, maturity_us, onnx, native, card, uploaded_at, uploaded_by)"
                " VALUES (sha256(%(onnx)s), %(name)s, %(registry)s, %(maturity)s, %(onnx)s, '', '{}', now(), %(person)s)"
                " ON CONFLICT DO NOTHING",
                {
                    "onnx": judge.onnx, "name": judge.name, "registry": REGISTRY_VERSION, "person": person[0],
                    "maturity": judge.maturity_s * 1_000_000,
                },
            )  # fmt: skip
