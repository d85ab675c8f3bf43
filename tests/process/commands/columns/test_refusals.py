"""What is refused, and what the problem says: the column, the row, what to do. Nothing is done then."""

from __future__ import annotations

import random
import struct
from typing import Any

import pyarrow as pa
import pytest
from support.columnar import IDS, account, bare, row, stream, written

from penstock.contracts import ids as public
from penstock.contracts.marks import Marks
from penstock.kit.http.problem import Problem
from penstock.process.commands.columns.reading import MOST_PARTS, MOST_WORDS, read
from penstock.process.commands.columns.schema import COLUMNS, REQUIRED
from penstock.process.commands.columns.translating import translate_parts
from penstock.process.commands.records import Terms

TERMS = Terms(9, {}, 1_024, Marks(bytes(32)))
SCHEMA = pa.schema(list(COLUMNS.items()))


def rows(count: int = 5) -> list[dict[str, Any]]:
    chance = random.Random(1)
    return [bare(chance) for _ in range(count)]


def refused(body: bytes, most_rows: int = 100, terms: Terms = TERMS) -> Problem:
    with pytest.raises(Problem) as caught:
        translate_parts(read(body, most_rows), IDS, terms)
    return caught.value


VALUES: list[tuple[str, Any, str]] = [
    ("id", bytes(16), "make a UUID of version 7"),
    ("id", bytes.fromhex("019b76daa800700040000000000000ff"), "make a UUID of version 7"),
    ("payer", b"acc_0000000000000", "send the account id as it was given"),
    ("payee", IDS.encode(public.Kind.CUSTOMER, 7).encode(), "send the account id as it was given"),
    ("payee", b"\xff" * 17, "send the account id as it was given"),
    ("payer", account(7).upper(), "send the account id as it was given"),
    ("amount_minor", 0, "send a whole number of minor units from 1"),
    ("amount_minor", -1, "send a whole number of minor units from 1"),
    ("amount_minor", 10**12 + 1, "send a whole number of minor units from 1"),
    ("currency", "GBP", "send one of CNY"),
    ("currency", "cny", "send one of CNY"),
    ("type", "withdrawal", "send one of transfer"),
    ("type", "any", "send one of transfer"),
    ("arrival", "", "send one of instant"),
    ("channel", "fax", "send one of app"),
    ("factors", "sms  face", "separated by single spaces"),
    ("factors", " ", "separated by single spaces"),
    ("factors", "iris", "separated by single spaces"),
    ("factors", " ".join(["sms"] * 10), "send at most 9 names"),
    ("device", "", "send a text of 1 to 200 characters"),
    ("network", "n" * 201, "1 to 200 characters"),
    ("place", "é" * 201, "1 to 200 characters"),
    ("reference", "r" * 141, "at most 140 characters"),
    ("hold_lifetime_s", 60, "send hold_only: true"),
    ("extra_1", float("nan"), "send any finite number"),
    ("extra_4", float("-inf"), "send any finite number"),
]


@pytest.mark.parametrize(("column", "value", "fix"), VALUES)
@pytest.mark.parametrize("parts", [[5], [2, 0, 3]])
def test_a_bad_value_names_row_and_column(column: str, value: Any, fix: str, parts: list[int]) -> None:
    said = rows()
    said[3][column] = value
    problem = refused(stream(said, parts=parts))
    (error,) = problem.errors
    assert (problem.status, problem.kind, error.field) == (422, "invalid_fields", f"items[3].{column}")
    assert fix in error.fix
    assert len(problem.body()) < 1_000


@pytest.mark.parametrize("seconds", [0, -1, 366 * 86_400 + 1])
def test_a_lifetime_has_bounds(seconds: int) -> None:
    said = rows()
    said[1] |= {"hold_only": True, "hold_lifetime_s": seconds}
    assert refused(stream(said)).errors[0].field == "items[1].hold_lifetime_s"


def test_a_hold_has_no_arrival() -> None:
    said = rows()
    said[4] |= {"hold_only": True, "arrival": "next_day"}
    assert refused(stream(said)).errors[0].field == "items[4].arrival"


@pytest.mark.parametrize(
    ("latitude", "longitude", "column"),
    [(1.0, None, "longitude"), (None, 1.0, "latitude"), (90.1, 0.0, "latitude"), (float("nan"), 0.0, "latitude"), (0.0, -180.5, "longitude")],
)  # fmt: skip
def test_a_location_is_whole_and_on_earth(latitude: float | None, longitude: float | None, column: str) -> None:
    said = rows()
    said[2] |= {"latitude": latitude, "longitude": longitude}
    assert refused(stream(said)).errors[0].field == f"items[2].{column}"


@pytest.mark.parametrize("column", list(REQUIRED))
def test_what_is_required_is_in_every_row(column: str) -> None:
    said = rows()
    said[1][column] = None
    error = refused(stream(said)).errors[0]
    assert (error.field, error.problem) == (f"items[1].{column}", "missing")


def test_a_text_that_no_side_record_has_room_for() -> None:
    said = rows()
    said[0]["reference"] = "é" * 140
    assert refused(stream(said), terms=TERMS._replace(payload_bytes=256)).errors[0].field == "items[0].reference"


def test_a_sandbox_knows_its_words() -> None:
    said = rows()
    said[2]["reference"] = "sandbox:nonsense"
    assert refused(stream(said), terms=TERMS._replace(sandbox=True)).errors[0].field == "items[2].reference"


def columns_of(*names: str, **kinds: pa.DataType) -> bytes:
    return written(pa.RecordBatch.from_pylist([], pa.schema([(name, kinds.get(name, COLUMNS.get(name, pa.int8()))) for name in names])))


def test_a_column_has_its_name_type_and_place() -> None:
    needed = list(REQUIRED)
    for body, field, problem in [
        (columns_of(*needed[:5]), "type", "missing"),
        (columns_of(*needed, "colour"), "colour", "unknown column"),
        (columns_of(*needed, "network", "device"), "device", "stands after network"),
        (columns_of(*needed, "device", "device"), "device", "stands after device"),
        (columns_of(*needed, amount_minor=pa.int32()), "amount_minor", "has the type int32"),
        (columns_of(*needed, currency=pa.utf8()), "currency", "has the type string"),
        (columns_of(*needed, id=pa.uuid()), "id", "has the type extension<arrow.uuid>"),
        (columns_of(*needed, "device", device=pa.large_utf8()), "device", "has the type large_string"),
        (columns_of(*needed, type=pa.dictionary(pa.int32(), pa.utf8(), ordered=True)), "type", "has the type dictionary"),
        (columns_of(*needed, "device", device=pa.list_(pa.utf8())), "device", "has the type list"),
        (columns_of(*needed, "latitude"), "latitude", "comes with longitude"),
    ]:
        refusal = refused(body)
        assert (refusal.status, refusal.kind) == (422, "invalid_fields")
        assert (refusal.errors[0].field, problem in refusal.errors[0].problem) == (field, True), refusal.errors


def test_sizes_are_bounded_before_anything_is_read() -> None:
    assert refused(stream(rows(5)), most_rows=4).kind == "batch_too_large"
    assert refused(stream(rows(5), parts=[3, 2]), most_rows=4).status == 413
    for parts in (MOST_PARTS + 1, 3_000):
        assert "fewer and larger record batches" in refused(stream([], parts=[0] * parts)).detail
    assert len(translate_parts(read(stream(rows(MOST_PARTS), parts=[1] * MOST_PARTS), 100), IDS, TERMS)[0]) == MOST_PARTS
    said = rows(MOST_WORDS + 1)
    for number, each in enumerate(said):
        each["factors"] = str(number)
    problem = refused(stream(said), most_rows=len(said))
    assert (problem.status, "dictionary" in problem.detail) == (413, True)


def test_declared_sizes_are_not_believed() -> None:
    """A record batch that claims 2**40 rows in a few hundred bytes."""
    body = bytearray(stream(rows(3), ["device"]))
    found = [place for place in range(0, len(body), 8) if body[place : place + 8] == struct.pack("<q", 3)]
    assert found
    for place in found:
        for number in (2**40, 2**62, -1):
            struct.pack_into("<q", body, place, number)
            assert refused(bytes(body)).kind in {"malformed_arrow", "batch_too_large"}
        struct.pack_into("<q", body, place, 3)
    assert len(translate_parts(read(bytes(body), 100), IDS, TERMS)[0]) == 3


def test_an_offset_that_points_away_is_refused() -> None:
    """pyarrow opens such a stream without a word; what looks at the text then ends the process."""
    said = [{**each, "device": "abcdefgh"} for each in rows(3)]
    body = stream(said, ["device"])
    place = body.index(struct.pack("<4i", 0, 8, 16, 24))
    for number in (2**30, -8, 9_999):
        damaged = bytearray(body)
        struct.pack_into("<i", damaged, place + 8, number)
        problem = refused(bytes(damaged))
        assert (problem.status, problem.kind) == (400, "malformed_arrow")


def test_an_index_beyond_its_dictionary_is_refused() -> None:
    said = [{**each, "currency": currency} for each, currency in zip(rows(4), ["CNY", "USD", "EUR", "JPY"], strict=True)]
    body = bytearray(stream(said, ["device"]))
    place = body.index(struct.pack("<4i", 0, 1, 2, 3))
    struct.pack_into("<i", body, place, 99)
    assert refused(bytes(body)).kind == "malformed_arrow"


def test_the_stricter_part_of_the_format() -> None:
    chance = random.Random(1)
    batch, other = (pa.RecordBatch.from_pylist([row(chance, 0.2) for _ in range(5)], SCHEMA) for _ in range(2))
    good = written(batch)
    for body, word in [
        (b"", "empty"),
        (b"[]", "points outside"),
        (b'[{"id": "0"}]', "mark"),
        (good[: len(good) // 2], "whole stream"),
        (good + b"\0" * 8, "follow the end"),
        (good + good, "follow the end"),
        (written(batch, compression="lz4"), "compression"),
        (written(batch, other), "dictionary"),
        (written(batch, other, emit_dictionary_deltas=True), "dictionary"),
    ]:
        problem = refused(body)
        assert (problem.status, problem.kind, word in problem.detail) == (400, "malformed_arrow", True), problem.detail


def test_a_stream_may_end_without_its_end() -> None:
    """Arrow lets the end of the bytes be the end of the stream."""
    body = stream(rows(2))
    assert len(translate_parts(read(body[:-8], 5), IDS, TERMS)[0]) == 2
