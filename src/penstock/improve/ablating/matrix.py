"""The features of a history as one table: 64 columns by name, and what tells which payment each row is."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.contracts.features import FEATURES
from penstock.improve.history.columns import NEVER_KNOWN, History


def feature_matrix(history: History, vectors: NDArray[np.float16]) -> pl.DataFrame:
    """One row per payment, in the order of time.

    ``row`` (place in the file, from 0), ``time`` and ``known`` (UTC, µs; null = never), ``label`` (1 fraud, 0 genuine,
    -1 unlabelled), then the features by name, as the lane would have had them just before; unknown is the registry's value.
    """
    known = pl.Series("known", np.where(history.known_us < NEVER_KNOWN, history.known_us, -1))
    first = pl.DataFrame({"row": history.row, "time": history.time_us, "label": history.label}).with_columns(
        pl.from_epoch("time", "us").dt.replace_time_zone("UTC"),
        pl.from_epoch(known.replace(-1, None), "us").dt.replace_time_zone("UTC").alias("known"),
    )
    wide = vectors.astype(np.float32)
    return first.with_columns(pl.Series(feature.name, wide[:, feature.slot]) for feature in FEATURES)
