"""Reading and mapping payment files: one shape from any columns, and errors that name column, row and fix."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from penstock.contracts.ids import is_uuid7
from penstock.contracts.mapping import BadMapping
from penstock.prepare.importing.log import ImportLog, identify
from penstock.prepare.importing.mapping import Mapping, load_mapping
from penstock.prepare.importing.problems import EXPLANATIONS, Problem
from penstock.prepare.importing.reading import BadFile, check_rows, normalise, scan
from penstock.prepare.importing.wishes import AccountKey, payment_wishes

BASE = '[payer]\ncolumn = "from"\n[payee]\ncolumn = "to"\n[amount]\ncolumn = "sum"\n'


def mapping(more: str = "", base: str = BASE) -> Mapping:
    return load_mapping(base + more)


def csv(folder: Path, *rows: str, header: str = "from,to,sum") -> Path:
    path = folder / "payments.csv"
    path.write_text("\n".join((header, *rows)) + "\n", "utf-8")
    return path


def shaped(path: Path, chosen: Mapping) -> list[dict[str, object]]:
    return normalise(scan(path), chosen).collect().to_dicts()


def test_csv_and_parquet_of_the_same_rows_become_the_same_payments(tmp_path: Path) -> None:
    frame = pl.DataFrame({"from": ["007", "8"], "to": ["m1", "m2"], "sum": [13.74, 0.01]})
    frame.write_csv(tmp_path / "a.csv")
    frame.write_parquet(tmp_path / "a.parquet")
    from_csv, from_parquet = (shaped(tmp_path / name, mapping()) for name in ("a.csv", "a.parquet"))
    assert from_csv == from_parquet
    assert [(r["row"], r["payer"], r["amount_minor"]) for r in from_csv] == [(1, "007", 1374), (2, "8", 1)]


@pytest.mark.parametrize(
    ("rounding", "amount", "minor"),
    [("half_up", "1.005", 101), ("half_even", "1.005", 100), ("half_even", "1.015", 102), ("half_up", "1.004", 100), ("exact", "1.01", 101)],
)
def test_rounding_is_the_one_that_the_mapping_states(tmp_path: Path, rounding: str, amount: str, minor: int) -> None:
    chosen = load_mapping(BASE + f'rounding = "{rounding}"\n')
    assert shaped(csv(tmp_path, f"a,b,{amount}"), chosen)[0]["amount_minor"] == minor


def test_major_units_follow_the_digits_of_each_rows_currency(tmp_path: Path) -> None:
    path = csv(tmp_path, "a,b,12.5,CNY", "a,b,12,JPY", header="from,to,sum,cur")
    rows = shaped(path, mapping('[currency]\ncolumn = "cur"\n'))
    assert [r["amount_minor"] for r in rows] == [1250, 12]


def test_minor_units_are_taken_as_they_are(tmp_path: Path) -> None:
    chosen = load_mapping(BASE + 'unit = "minor"\n')
    assert shaped(csv(tmp_path, "a,b,1250"), chosen)[0]["amount_minor"] == 1250


def test_words_are_translated_and_prefixes_keep_parties_apart(tmp_path: Path) -> None:
    base = BASE.replace('"from"\n', '"from"\nprefix = "card"\n')
    path = csv(tmp_path, "1,1,5,POS,yuan", header="from,to,sum,kind,cur")
    more = '[type]\ncolumn = "kind"\nmap = { POS = "purchase" }\n[currency]\ncolumn = "cur"\nmap = { yuan = "CNY" }\n'
    row = shaped(path, mapping(more, base))[0]
    assert (row["payer"], row["payee"], row["type"], row["currency"]) == ("card:1", "1", "purchase", "CNY")


@pytest.mark.parametrize(
    "times",
    [["10", "9"], ["2024-02-01T00:00:00Z", "2024-01-01 00:00:00"], ["2024-02-01", "2024-01-31T23:59:59.5"]],
)
def test_time_order_sorts_numbers_and_iso_times_by_value(tmp_path: Path, times: list[str]) -> None:
    path = csv(tmp_path, *(f"a,b,1,{t}" for t in times), header="from,to,sum,at")
    rows = shaped(path, mapping('[time]\ncolumn = "at"\n[rows]\norder = "time"\n'))
    assert [r["row"] for r in rows] == [2, 1]
    assert rows[0]["metadata"] == {"row": "2", "time": times[1]}


def test_parquet_times_sort_and_are_kept_as_text(tmp_path: Path) -> None:
    at = [dt.datetime(2024, 5, 2, tzinfo=dt.UTC), dt.datetime(2024, 5, 1, tzinfo=dt.UTC)]
    path = tmp_path / "a.parquet"
    pl.DataFrame({"from": [1, 2], "to": [3, 4], "sum": [5, 6], "at": at}).write_parquet(path)
    rows = shaped(path, mapping('[time]\ncolumn = "at"\n[rows]\norder = "time"\n'))
    assert [r["payer"] for r in rows] == ["2", "1"]


BAD_ROWS = {
    ",b,5": Problem.PAYER_MISSING,
    "a,,5": Problem.PAYEE_MISSING,
    "a,b,": Problem.AMOUNT_MISSING,
    "a,b,five": Problem.AMOUNT_NOT_A_NUMBER,
    "a,b,inf": Problem.AMOUNT_NOT_FINITE,
    "a,b,nan": Problem.AMOUNT_NOT_FINITE,
    "a,b,-5": Problem.AMOUNT_NEGATIVE,
    "a,b,0": Problem.AMOUNT_ZERO,
    "a,b,0.001": Problem.AMOUNT_ZERO,
    "a,b,99999999999999": Problem.AMOUNT_TOO_LARGE,
}


@pytest.mark.parametrize(("row", "problem"), BAD_ROWS.items())
def test_a_bad_row_stops_with_row_column_and_fix(tmp_path: Path, row: str, problem: Problem) -> None:
    rows = normalise(scan(csv(tmp_path, "a,b,1", row)), mapping())
    with pytest.raises(BadFile) as stopped:
        check_rows(rows, mapping())
    column = {"payer": "from", "payee": "to"}.get(problem.value.split("_")[0], "sum")
    assert f"row 2, column '{column}'" in str(stopped.value)
    assert EXPLANATIONS[problem].fix in str(stopped.value)


def test_bad_rows_are_skipped_and_counted_by_problem(tmp_path: Path) -> None:
    chosen = mapping('[rows]\non_bad_row = "skip"\n')
    rows = normalise(scan(csv(tmp_path, *BAD_ROWS, "a,b,1")), chosen)
    counts = check_rows(rows, chosen)
    assert sum(counts.values()) == len(BAD_ROWS)
    assert counts["amount_zero"] == 2
    assert rows.filter(pl.col("problem").is_null()).collect().height == 1


@pytest.mark.parametrize(
    ("more", "row", "problem"),
    [
        ('[currency]\ncolumn = "x"\n', "a,b,1,XAU", Problem.CURRENCY_UNKNOWN),
        ('[type]\ncolumn = "x"\n', "a,b,1,gift", Problem.TYPE_UNKNOWN),
        ('[time]\ncolumn = "x"\n[rows]\norder = "time"\n', "a,b,1,yesterday", Problem.TIME_MISSING),
        ('[rows]\nnot_null = ["x"]\n', "a,b,1,", Problem.NULL_VALUE),
    ],
)
def test_words_times_and_nulls_are_checked_too(tmp_path: Path, more: str, row: str, problem: Problem) -> None:
    rows = normalise(scan(csv(tmp_path, row, header="from,to,sum,x")), mapping(more)).collect()
    assert rows["problem"].to_list() == [problem.value]


def test_exact_refuses_what_would_have_to_be_rounded(tmp_path: Path) -> None:
    chosen = load_mapping(BASE + 'rounding = "exact"\n')
    assert shaped(csv(tmp_path, "a,b,1.005"), chosen)[0]["problem"] == Problem.AMOUNT_TOO_FINE


def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    path = csv(tmp_path, "a,b,1", header="from,to,amount")
    with pytest.raises(BadFile, match=r"column 'sum' \(amount\.column\) is not in the file; it has 'from', 'to', 'amount'"):
        normalise(scan(path), mapping())


def test_a_column_of_the_wrong_type_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"from": ["a"], "to": ["b"], "sum": [True]}).write_parquet(path)
    with pytest.raises(BadFile, match=r"column 'sum' \(amount\.column\) is Boolean, not a number; map another column"):
        normalise(scan(path), mapping())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[payer]\n", "column"),
        (BASE + '[currency]\nconstant = "XAU"\n', "currency: 'XAU' is not one of CNY"),
        (BASE + '[type]\ncolumn = "x"\nmap = { a = "gift" }\n', "type: 'gift' is not one of"),
        (BASE + '[type]\ncolumn = "x"\nconstant = "bill"\n', "either `constant` or `column`"),
        (BASE + '[funding]\nmode = "fixed"\n', "funding.amount_minor"),
        (BASE + '[rows]\norder = "time"\n', "needs a time column"),
        (BASE + "[surprise]\nx = 1\n", "surprise"),
        (BASE + '[metadata]\nrow = "from"\n', "metadata.row"),
        ("not toml", "cannot be read"),
    ],
)
def test_a_bad_mapping_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(BadMapping, match=said.replace(".", r"\.")):
        load_mapping(text)


def test_a_missing_file_and_a_strange_ending_are_said(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="no such file"):
        scan(tmp_path / "none.csv")
    odd = tmp_path / "a.xlsx"
    odd.write_bytes(b"")
    with pytest.raises(BadFile, match=r"use \.csv or \.parquet"):
        scan(odd)


def test_too_much_text_is_found_before_anything_is_sent(tmp_path: Path) -> None:
    chosen = mapping('[reference]\ncolumn = "x"\n[metadata]\nnote = "y"\n')
    path = csv(tmp_path, f"a,b,1,{'r' * 141},", f"a,b,1,,{'n' * 1000}", "a,b,1,r,n", header="from,to,sum,x,y")
    assert [r["problem"] for r in shaped(path, chosen)] == [Problem.TEXT_TOO_LONG, Problem.TEXT_TOO_LONG, None]


def test_an_import_is_another_one_by_file_mapping_receiver_or_limit(tmp_path: Path) -> None:
    path, url = csv(tmp_path, "a,b,1"), "https://localhost:1"
    same = [identify(path, mapping(), url, None) for _ in range(2)]
    others = [
        identify(path, mapping('[type]\nconstant = "bill"\n'), url, None),
        identify(path, mapping(), "https://localhost:2", None),
        identify(path, mapping(), url, 1),
        identify(csv(tmp_path, "a,b,2"), mapping(), url, None),
    ]
    assert same[0] == same[1]
    assert len({same[0], *others}) == 5


def test_ids_are_uuid7_derived_again_from_time_and_purpose(tmp_path: Path) -> None:
    now_ms = 1_750_000_000_000
    first, again = ImportLog(tmp_path, "one"), ImportLog(tmp_path, "one")
    assert first.derive(now_ms, "payment 1") == again.derive(now_ms, "payment 1")
    ids = {log.derive(ms, p) for log in (first, ImportLog(tmp_path, "two")) for ms in (now_ms, now_ms + 1) for p in "ab"}
    assert len(ids) == 8
    assert all(is_uuid7(i) for i in ids)
    assert first.derive(now_ms, "payment 1").int >> 80 == now_ms


def test_the_log_remembers_and_a_torn_line_is_cut_off(tmp_path: Path) -> None:
    log = ImportLog(tmp_path, "one")
    log.send("payments 0", 1_000)
    log.finish("payments 0", [["CNY", "cleared", "ok", 1, 5]])
    log.send("payments 1", 2_000)
    with log.path.open("ab") as file:
        file.write(b'{"batch":"payments 1","res')
    again = ImportLog(tmp_path, "one")
    assert (again.sent_ms("payments 1"), again.result("payments 1")) == ([2_000], None)
    assert again.result("payments 0") == [["CNY", "cleared", "ok", 1, 5]]
    again.finish("payments 1", [])
    assert ImportLog(tmp_path, "one").result("payments 1") == []


def test_what_payments_came_by_is_sent_and_what_is_missing_is_not(tmp_path: Path) -> None:
    path = csv(tmp_path, "a,b,1,phone-1,X,7,10.0.0.1", "a,b,1,unknown,X,, ", header="from,to,sum,dev,city,till,ip")
    chosen = load_mapping(
        'missing = ["unknown"]\n' + BASE + '[device]\ncolumn = "dev"\n[network]\ncolumn = "ip"\n'
        '[place]\ncolumn = ["city", "till"]\nlatitude = "lat"\nlongitude = "lon"\n'
    )  # fmt: skip
    said, silent = shaped(path, chosen)
    assert said["origin"] == {
        "instrument": None, "device": "phone-1", "network": "10.0.0.1", "place": "X|7", "category": None,
    }  # fmt: skip
    assert silent["origin"] == dict.fromkeys(("instrument", "device", "network", "place", "category"))
    (wish, _) = payment_wishes(normalise(scan(path), chosen), {AccountKey(who, "CNY"): who for who in "ab"})
    assert {name: wish.body[name] for name in ("device", "network", "place")} == {
        "device": "phone-1", "network": "10.0.0.1", "place": "X|7",
    }  # fmt: skip
    assert "category" not in wish.body


def test_a_device_that_is_too_long_is_a_bad_row(tmp_path: Path) -> None:
    path = csv(tmp_path, f"a,b,1,{'x' * 201}", header="from,to,sum,dev")
    chosen = mapping('[device]\ncolumn = "dev"\n')
    rows = normalise(scan(path), chosen)
    with pytest.raises(BadFile, match=r"row 1, column 'dev' .* more than 200 characters; map another column"):
        check_rows(rows, chosen)


def test_an_entity_without_a_column_is_no_mapping() -> None:
    with pytest.raises(BadMapping, match=r"device\.column: name the column"):
        mapping("[device]\n")
