"""Names become numbers: entities by their first payment, words by their place in the mapping or a hash."""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

#: Words that the mapping does not list get numbers from here on: exact in half precision, and above all listed ones.
UNLISTED_FROM: Final = 1_000
#: How many numbers there are for words by their hash.
HASHED: Final = 1_000


def number_entities(*columns: pl.Series) -> tuple[list[NDArray[np.int64]], list[str]]:
    """Number texts from 1 in the order of their first row, 0 = null; columns given together share their numbers.

    :param columns: texts, (n,) each. Within a row the first column counts first.
    :return: the numbers, (n,) per column, and the text of number i at i - 1.
    """
    frame = pl.DataFrame({str(place): column for place, column in enumerate(columns)})
    every = (
        frame.select(text=pl.concat_list(pl.all())).explode("text") if len(columns) > 1 else frame.rename({"0": "text"})
    )
    book = every.drop_nulls().unique(maintain_order=True).with_row_index("number", offset=1)
    numbered = [
        frame.select(text=name).join(book, on="text", how="left", maintain_order="left")["number"]
        for name in frame.columns
    ]
    return [numbers.fill_null(0).cast(pl.Int64).to_numpy() for numbers in numbered], book["text"].to_list()


def number_words(column: pl.Series, listed: dict[str, int]) -> NDArray[np.int64]:
    """Number words: listed ones as given, others by their hash from ``UNLISTED_FROM`` on, 0 = null. (n,)."""
    numbers = {
        word: listed.get(word) or UNLISTED_FROM + hash_of(word) - 1 for word in column.drop_nulls().unique().to_list()
    }
    return _replaced(column, numbers).fill_null(0).cast(pl.Int64).to_numpy()


def hash_words(column: pl.Series) -> NDArray[np.float32]:
    """The hash of each word, NaN = null. (n,)."""
    numbers = {word: hash_of(word) for word in column.drop_nulls().unique().to_list()}
    return _replaced(column, numbers).cast(pl.Float32).fill_null(float("nan")).to_numpy()


def hash_of(word: str) -> int:
    """A stable number of 1 … ``HASHED``: CRC-32 of the UTF-8 text, modulo ``HASHED``, plus 1."""
    return zlib.crc32(word.encode()) % HASHED + 1


def names_by_number(numbers: dict[str, int]) -> list[str]:
    """The word of number i at i - 1, empty where there is none."""
    names = [""] * max(numbers.values(), default=0)
    for word, number in numbers.items():
        names[number - 1] = word
    return names


def _replaced(column: pl.Series, numbers: dict[str, int]) -> pl.Series:
    if not numbers:
        return pl.repeat(None, len(column), dtype=pl.Int64, eager=True)
    return column.replace_strict(numbers, default=None, return_dtype=pl.Int64)
