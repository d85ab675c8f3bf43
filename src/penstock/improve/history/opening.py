"""Open a file of past payments: CSV or Parquet, whatever its columns are called."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

#: Separators of a CSV file, by the header's line; the first wins a tie.
_SEPARATORS: Final = (",", ";", "\t", "|")
_HEADER_BYTES: Final = 65_536


class BadFile(ValueError):
    """The file does not fit the mapping; the message names column, row where there is one, and fix."""


def open_file(path: Path) -> pl.LazyFrame:
    """Open a CSV or Parquet file without reading it. CSV columns are text, so ids keep leading zeros.

    :raises BadFile: for a missing file or another ending.
    """
    if not path.is_file():
        raise BadFile(f"{path}: there is no such file; check the path")
    name = path.name.lower()
    if name.endswith((".csv", ".tsv", ".csv.gz")):
        return pl.scan_csv(path, infer_schema=False, separator=_separator(path))
    if name.endswith((".parquet", ".pq")):
        return pl.scan_parquet(path)
    raise BadFile(f"{path}: the ending {path.suffix!r} is not known; use .csv or .parquet")


def _separator(path: Path) -> str:
    if path.name.lower().endswith(".gz"):
        return ","
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES).split(b"\n", 1)[0].decode("utf-8", "replace")
    return max(_SEPARATORS, key=header.count)


def names_of(frame: pl.LazyFrame, path: Path) -> pl.Schema:
    """The columns and types of an open file.

    :raises BadFile: where the file is damaged or not UTF-8.
    """
    try:
        return frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadFile(f"{path}: the file cannot be read ({_first_line(error)}); check that it is whole") from error


def read_columns(frame: pl.LazyFrame, path: Path, columns: list[str]) -> pl.DataFrame:
    """Some columns of an open file, all rows.

    :raises BadFile: where the file is damaged or not UTF-8.
    """
    try:
        return frame.select(columns).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadFile(
            f"{path}: the file cannot be read ({_first_line(error)}); save it as UTF-8, with as many fields in each row"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]
