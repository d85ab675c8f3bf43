"""Propose a mapping: look at the file, choose columns, find out what their values mean, write it down and try it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from penstock.improve.history.columns import History
from penstock.improve.history.mapping import HistoryMapping, parse_mapping
from penstock.improve.history.opening import BadFile, open_file, read_columns
from penstock.improve.history.proposing.choosing import NEEDED, choose
from penstock.improve.history.proposing.looking import look_at
from penstock.improve.history.proposing.tables import Draft, calendar_of, write_tables
from penstock.improve.history.proposing.writing import toml_table
from penstock.improve.history.reading import read_history


class NothingToPropose(ValueError):
    """The file lacks something that every history needs; the message says what."""


def propose(path: Path) -> tuple[Draft, HistoryMapping, History]:
    """Look at a file and propose a mapping that reads it; also what it reads.

    :raises BadFile: where the file cannot be read.
    :raises NothingToPropose: where no column can be the time, the payer or the amount.
    """
    columns, rows = look_at(path)
    proposal = Draft(columns, choose(columns), rows)
    calendar = calendar_of(columns)
    for slot in NEEDED:
        if slot not in proposal.chosen and not (slot == "time" and calendar):
            raise NothingToPropose(
                f"{path}: no column can be the {slot}; write a mapping by hand (docs/mapping.md). The columns: "
                + ", ".join(f"{column.name!r} ({column.look})" for column in columns)
            )
    data = _read_chosen(path, proposal)
    _drop_homes(proposal, data)
    write_tables(path, proposal, data, calendar)
    return _try(path, proposal)


def _read_chosen(path: Path, proposal: Draft) -> pl.DataFrame:
    return read_columns(
        open_file(path), path, list(dict.fromkeys(choice.column.name for choice in proposal.chosen.values()))
    )


def _drop_homes(proposal: Draft, data: pl.DataFrame) -> None:
    """Leave out a place that never changes for a payer: a home, which says nothing about a payment."""
    payer = proposal.chosen["payer"].column.name
    for slot in ("place", "latitude"):
        choice = proposal.chosen.get(slot)
        if choice is None or choice.column.name == payer:
            continue
        places = data.group_by(payer).agg(
            pl.len().alias("payments"), pl.col(choice.column.name).n_unique().alias("places")
        )
        if places["payments"].max() != 1 and places["places"].max() == 1:
            for gone in (slot, *(("longitude",) if slot == "latitude" else ())):
                proposal.left_out[proposal.chosen.pop(gone).column.name] = (
                    "never changes for a payer: a home rather than a place"
                )


def _try(path: Path, proposal: Draft) -> tuple[Draft, HistoryMapping, History]:
    """Read the file by the proposal; rows that cannot be read are left out, and that is said."""
    mapping = parse_mapping(proposal.text())
    try:
        return proposal, mapping, read_history(path, mapping)
    except BadFile as error:
        proposal.doubts.append(f"some rows cannot be read and are left out: {error}")
    proposal.tables.append(
        toml_table("rows", {"on_bad_row": "skip"}, 'Some rows cannot be read. "stop" would name the first.')
    )
    mapping = parse_mapping(proposal.text())
    return proposal, mapping, read_history(path, mapping)
