"""From LightGBM's trees to an ONNX graph: a sum of leaves and a sigmoid, no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.features import SLOTS
from penstock.process.decide.scoring import INPUT, OUTPUT

if TYPE_CHECKING:
    import lightgbm
    import onnx

# Old enough for every onnxruntime in use.
_OPSET: Final = 15
_ML_OPSET: Final = 3
_IR: Final = 8
_LEAF: Final = "LEAF"
_BRANCH: Final = "BRANCH_LEQ"

Tree = dict[str, Any]


def export_onnx(booster: lightgbm.Booster) -> bytes:
    """The graph as bytes: `INPUT` float32 (n, 64) to `OUTPUT` float32 (n,).

    A threshold is rounded down to a float32, so that ``x <= threshold`` is the same for every float32 as in
    LightGBM's float64. The leaves must lie on a grid (``calibration.settle``): then their sum is exact in float32.
    """
    from onnx import TensorProto, helper

    trees = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    nodes = [
        _ensemble(trees),
        helper.make_node("Sigmoid", ["log_odds"], ["column"]),
        helper.make_node("Reshape", ["column", "one_dimension"], [OUTPUT]),
    ]
    graph = helper.make_graph(
        nodes,
        "penstock",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", SLOTS])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n"])],
        [helper.make_tensor("one_dimension", TensorProto.INT64, [1], [-1])],
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR, producer_name="penstock")
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _ensemble(trees: list[Tree]) -> onnx.NodeProto:
    """The operator TreeEnsembleRegressor of ai.onnx.ml, its nodes numbered within each tree in pre-order."""
    from onnx import helper

    table = _Table()
    for number, root in enumerate(trees):
        table.add(number, root)
    return helper.make_node(
        "TreeEnsembleRegressor",
        [INPUT],
        ["log_odds"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="SUM",
        post_transform="NONE",
        nodes_treeids=table.trees,
        nodes_nodeids=table.numbers,
        nodes_featureids=table.features,
        nodes_modes=table.modes,
        nodes_values=round_down(np.array(table.thresholds)).tolist(),
        nodes_truenodeids=table.left,
        nodes_falsenodeids=table.right,
        target_treeids=table.leaf_trees,
        target_nodeids=table.leaf_numbers,
        target_ids=[0] * len(table.leaf_trees),
        target_weights=table.leaf_values,
    )


class _Table:
    """The columns that describe the nodes of all trees."""

    def __init__(self) -> None:
        self.trees: list[int] = []
        self.numbers: list[int] = []
        self.features: list[int] = []
        self.modes: list[str] = []
        self.thresholds: list[float] = []
        self.left: list[int] = []
        self.right: list[int] = []
        self.leaf_trees: list[int] = []
        self.leaf_numbers: list[int] = []
        self.leaf_values: list[float] = []

    def add(self, tree: int, root: Tree) -> None:
        """Add the nodes of a tree; children are numbered when they are reached."""
        pending: list[tuple[Tree, list[int] | None, int]] = [(root, None, 0)]
        number = 0
        while pending:
            node, links, place = pending.pop()
            if links is not None:
                links[place] = number
            self._append(tree, number, node)
            if "split_index" in node:
                here = len(self.numbers) - 1
                pending += [(node["right_child"], self.right, here), (node["left_child"], self.left, here)]
            number += 1

    def _append(self, tree: int, number: int, node: Tree) -> None:
        branches = "split_index" in node
        self.trees.append(tree)
        self.numbers.append(number)
        self.features.append(node["split_feature"] if branches else 0)
        self.modes.append(_BRANCH if branches else _LEAF)
        self.thresholds.append(float(node["threshold"]) if branches else 0.0)
        self.left.append(0)
        self.right.append(0)
        if branches:
            assert node["decision_type"] == "<=", "categorical splits are not used"
        else:
            self.leaf_trees.append(tree)
            self.leaf_numbers.append(number)
            self.leaf_values.append(float(node["leaf_value"]))


def round_down(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """The greatest float32 not above each value."""
    nearest = values.astype(np.float32)
    return np.where(nearest.astype(np.float64) > values, np.nextafter(nearest, np.float32(-np.inf)), nearest)
