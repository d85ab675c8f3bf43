"""A file and its mapping become a history: each slot, what is missing, labels and when they are known, bad rows."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from support.labelled import labelled_history, write_labelled

from penstock.contracts.mapping import BadMapping
from penstock.improve.history.columns import FRAUD, GENUINE, NEVER_KNOWN, NO_PLACE, UNLABELLED, History
from penstock.improve.history.mapping import HistoryMapping, load_mapping, parse_mapping
from penstock.improve.history.numbering import hash_of
from penstock.improve.history.opening import BadFile
from penstock.improve.history.problems import EXPLANATIONS, Problem
from penstock.improve.history.reading import read_history

DAY = 86_400_000_000
HEAD = '[time]\ncolumn = "at"\n[payer]\ncolumn = "who"\n[amount]\ncolumn = "sum"\n'
NOON = "2024-05-06 12:00:00"  # a Monday


def mapping(more: str = "", head: str = HEAD) -> HistoryMapping:
    return parse_mapping(head + more)


def csv(folder: Path, *rows: str, header: str = "at,who,sum") -> Path:
    path = folder / "past.csv"
    path.write_text("\n".join((header, *rows)) + "\n", "utf-8")
    return path


def read(folder: Path, *rows: str, header: str = "at,who,sum", more: str = "", head: str = HEAD) -> History:
    return read_history(csv(folder, *rows, header=header), mapping(more, head))


def one(folder: Path, value: str, more: str) -> History:
    """One payment at noon with a further column ``x``."""
    return read(folder, f"{NOON},a,1,{value}", header="at,who,sum,x", more=more)


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e6)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_reader_and_the_simulation_agree_on_every_column(tmp_path: Path, ending: str) -> None:
    file, its_mapping = write_labelled(tmp_path, 7, 1_500, ending=ending)
    read_back, truth = read_history(file, load_mapping(its_mapping)), labelled_history(7, 1_500)
    for name, expected in vars(truth).items():
        found = getattr(read_back, name)
        if isinstance(expected, np.ndarray):
            assert found.dtype == expected.dtype, name
            np.testing.assert_array_equal(found, expected, name)
        elif name != "file_sha256":
            assert found == expected, name
    assert read_back.file_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_reading_twice_gives_the_same_history_and_tells_how_many_rows(tmp_path: Path) -> None:
    file, its_mapping = write_labelled(tmp_path, 8, 500)
    told: list[int] = []
    first, second = (read_history(file, load_mapping(its_mapping), told.append) for _ in range(2))
    assert told == [500, 500]
    assert all(np.array_equal(vars(first)[name], vars(second)[name], equal_nan=name == "extras") for name in ("payer", "extras", "known_us", "intent"))


def test_rows_are_sorted_by_time_and_equal_times_keep_their_order(tmp_path: Path) -> None:
    history = read(tmp_path, f"{NOON},b,1", "2024-05-05 12:00:00,a,2", f"{NOON},c,3")
    assert history.row.tolist() == [1, 0, 2]
    assert history.payer.tolist() == [1, 2, 3]  # numbered in the order of time
    assert history.names["payer"] == ["a", "b", "c"]


def test_columns_of_a_file_may_be_called_as_ours_are(tmp_path: Path) -> None:
    head = '[time]\ncolumn = "amount"\n[payer]\ncolumn = "row"\n[amount]\ncolumn = "label"\n'
    history = read(tmp_path, f"{NOON},a,3", header="amount,row,label", head=head)
    assert (history.amount_minor.tolist(), history.names["payer"]) == ([300], ["a"])


def test_payer_and_payee_share_their_numbers_unless_a_prefix_keeps_them_apart(tmp_path: Path) -> None:
    rows = (f"{NOON},a,1,b", f"{NOON},b,1,a", f"{NOON},c,1,")
    together = read(tmp_path, *rows, header="at,who,sum,to", more='[payee]\ncolumn = "to"\n')
    assert (together.payer.tolist(), together.payee.tolist()) == ([1, 2, 3], [2, 1, 0])
    apart = read(tmp_path, *rows, header="at,who,sum,to", more='[payee]\ncolumn = "to"\nprefix = "shop"\n')
    assert (apart.payer.tolist(), apart.payee.tolist()) == ([1, 3, 5], [2, 4, 0])


@pytest.mark.parametrize("slot", ["instrument", "device", "network", "place", "category"])
def test_entities_are_numbered_each_for_themselves_and_missing_is_nobody(tmp_path: Path, slot: str) -> None:
    rows = [f"{NOON},a,1,{value}" for value in ("x", "", "y", "unknown", " x ")]
    history = read(tmp_path, *rows, header="at,who,sum,e", more=f'[{slot}]\ncolumn = "e"\n', head='missing = ["unknown"]\n' + HEAD)
    assert getattr(history, slot).tolist() == [1, 0, 2, 0, 1]
    assert history.names[slot] == ["x", "y"]


def test_columns_together_make_one_entity_and_none_where_a_part_is_missing(tmp_path: Path) -> None:
    rows = [f"{NOON},a,1,{u},{c}" for u, c in (("7", "1"), ("7", "2"), ("7", ""), ("7", "1"))]
    history = read(tmp_path, *rows, header="at,who,sum,u,c", more='[instrument]\ncolumn = ["u", "c"]\n')
    assert history.instrument.tolist() == [1, 2, 0, 1]


def test_whole_floats_and_texts_of_an_id_are_the_same_one(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    frame = {"at": [datetime(2024, 1, 1, tzinfo=UTC)] * 3, "who": [7.0, None, float("nan")], "to": ["7", "8", "7"], "sum": [1, 2, 3]}
    pl.DataFrame(frame, strict=False).write_parquet(path)
    history = read_history(path, mapping('[payee]\ncolumn = "to"\n'))
    assert (history.payer.tolist(), history.payee.tolist()) == ([1, 0, 0], [1, 2, 1])


def test_places_have_coordinates_or_none(tmp_path: Path) -> None:
    rows = (f"{NOON},a,1,31.23041,-121.4737", f"{NOON},a,1,,1", f"{NOON},a,1,0,0")
    history = read(tmp_path, *rows, header="at,who,sum,la,lo", more='[place]\nlatitude = "la"\nlongitude = "lo"\n')
    assert history.latitude_e4.tolist() == [312_304, NO_PLACE, 0]
    assert history.longitude_e4.tolist() == [-1_214_737, NO_PLACE, 0]
    assert not history.place.any()


def test_types_are_ours_by_map_or_name_listed_or_hashed(tmp_path: Path) -> None:
    rows = [f"{NOON},a,1,{kind}" for kind in ("POS", "bill", "gift", "odd", "")]
    more = '[type]\ncolumn = "k"\nmap = { POS = "purchase" }\nwords = ["loan", "gift"]\n'
    history = read(tmp_path, *rows, header="at,who,sum,k", more=more)
    assert history.payment_type.tolist() == [2, 3, 101, 999 + hash_of("odd"), 0]
    assert history.names["payment_type"][100] == "gift"
    assert read(tmp_path, f"{NOON},a,1", more='[type]\nconstant = "bill"\n').payment_type.tolist() == [3]


def test_channels_keep_their_number_from_file_to_file(tmp_path: Path) -> None:
    more = '[channel]\ncolumn = "k"\nwords = ["app", "web"]\n'
    first = read(tmp_path, f"{NOON},a,1,web", f"{NOON},a,1,app", f"{NOON},a,1,", header="at,who,sum,k", more=more)
    second = read(tmp_path, f"{NOON},a,1,fax", f"{NOON},a,1,web", header="at,who,sum,k", more=more)
    assert (first.channel.tolist(), second.channel.tolist()) == ([2, 1, 0], [999 + hash_of("fax"), 2])
    assert first.names["channel"] == ["app", "web"]


def test_extras_are_numbers_or_the_documented_hash_of_a_word(tmp_path: Path) -> None:
    more = '[[extra]]\ncolumn = "n"\nname = "items"\n[[extra]]\ncolumn = "w"\nkind = "word"\n'
    history = read(tmp_path, f"{NOON},a,1,2.5,red", f"{NOON},a,1,,", header="at,who,sum,n,w", more=more)
    np.testing.assert_array_equal(history.extras[0], np.float32([2.5, hash_of("red"), np.nan, np.nan]))
    assert np.isnan(history.extras[1]).all()
    assert history.extra_names == ("items", "w")
    assert hash_of("red") == 456  # CRC-32 of the text, modulo 1,000, plus 1: fixed for ever


@pytest.mark.parametrize(
    ("amount", "more", "minor"),
    [
        ("13.745", "", 1375), ("0", "", 0), ("1374", 'unit = "minor"\n', 1374), ("-5", 'negative = "absolute"\n', 500),
        ('"$1,234.5"', 'strip = "$,"\n', 123_450), ("0.125", 'rounding = "half_even"\n', 12), ("12", '[currency]\nconstant = "JPY"\n', 12),
    ],
)  # fmt: skip
def test_amounts_become_minor_units(tmp_path: Path, amount: str, more: str, minor: int) -> None:
    assert read(tmp_path, f"{NOON},a,{amount}", more=more).amount_minor.tolist() == [minor]


def test_each_rows_currency_says_its_digits(tmp_path: Path) -> None:
    more = '[currency]\ncolumn = "c"\nmap = { yuan = "CNY" }\n'
    assert read(tmp_path, f"{NOON},a,5,yuan", f"{NOON},a,5,JPY", header="at,who,sum,c", more=more).amount_minor.tolist() == [500, 5]


def test_outcomes_say_what_failed(tmp_path: Path) -> None:
    rows = [f"{NOON},a,1,{value}" for value in ("Declined", "ok", "", "51")]
    history = read(tmp_path, *rows, header="at,who,sum,s", more='[outcome]\ncolumn = "s"\ndeclined = ["declined", 51]\n')
    assert history.failed.tolist() == [True, False, False, True]


def test_payments_of_one_intent_share_its_number_and_others_stand_alone(tmp_path: Path) -> None:
    rows = [f"{NOON},a,1,{value}" for value in ("o1", "", "", "o1", "0")]
    history = read(tmp_path, *rows, header="at,who,sum,o", more='[intent]\ncolumn = "o"\n')
    assert history.intent.tolist() == [1, 2, 3, 1, 4]
    assert read(tmp_path, f"{NOON},a,1", f"{NOON},a,1").intent.tolist() == [1, 2]


# --- labels

LABEL = '[label]\ncolumn = "l"\nfraud = [1]\ngenuine = [0]\nunlabelled = [2, ""]\n'


@pytest.mark.parametrize("values", [("1", "0", "2", ""), ("1.0", "0.0", "2.00", " ")])
def test_three_labels_and_none(tmp_path: Path, values: tuple[str, ...]) -> None:
    history = read(tmp_path, *(f"{NOON},a,1,{value}" for value in values), header="at,who,sum,l", more=LABEL)
    assert history.label.tolist() == [FRAUD, GENUINE, UNLABELLED, UNLABELLED]
    assert (history.known_us[2:] == NEVER_KNOWN).all()


def test_labels_of_yes_and_no_in_a_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"at": ["2024-01-01"] * 2, "who": ["a", "b"], "sum": [1.0, 2.0], "l": [True, False]}).write_parquet(path)
    history = read_history(path, mapping('[label]\ncolumn = "l"\nfraud = [true]\ngenuine = [false]\n'))
    assert history.label.tolist() == [FRAUD, GENUINE]


@pytest.mark.parametrize(
    ("spans", "fraud_days", "genuine_days"),
    [
        ("", 30, 30), ("delay_days = 7\n", 7, 7), ("delay_hours = 12\nmaturity_days = 20\n", 0.5, 20), ("maturity_days = 9\n", 9, 9),
    ],
)  # fmt: skip
def test_labels_are_known_after_the_delay_or_at_maturity(tmp_path: Path, spans: str, fraud_days: float, genuine_days: float) -> None:
    history = read(tmp_path, f"{NOON},a,1,1", f"{NOON},a,1,0", header="at,who,sum,l", more=LABEL + spans)
    assert ((history.known_us - history.time_us) / DAY).tolist() == [fraud_days, genuine_days]
    assert history.maturity_us == genuine_days * DAY


def test_a_column_says_when_a_label_is_known_and_never_before_the_payment(tmp_path: Path) -> None:
    rows = [
        f"{NOON},a,1,1,2024-05-08 12:00:00", f"{NOON},a,1,0,2024-05-07 12:00:00", f"{NOON},a,1,0,", f"{NOON},a,1,1,",
        f"{NOON},a,1,1,2024-05-01 00:00:00", f"{NOON},a,1,1,2024-05-06", f"{NOON},a,1,2,2024-05-07 00:00:00",
    ]  # fmt: skip
    history = read(tmp_path, *rows, header="at,who,sum,l,k", more=LABEL + 'known = "k"\nmaturity_days = 10\n')
    days = (history.known_us - us(NOON)) / DAY
    assert days[:6].tolist() == [2, 1, 10, 10, 0, 0.5]  # a day without an hour: at its end
    assert history.known_us[6] == NEVER_KNOWN


def test_the_known_time_may_be_written_otherwise(tmp_path: Path) -> None:
    more = LABEL + 'known = "k"\nknown_format = "%d.%m.%Y"\n'
    history = read(tmp_path, f"{NOON},a,1,1,07.05.2024", header="at,who,sum,l,k", more=more)
    assert history.known_us.tolist() == [us("2024-05-08")]


def test_fraud_types_are_read_beside_frauds_only(tmp_path: Path) -> None:
    rows = (f"{NOON},a,1,1,stolen", f"{NOON},a,1,0,stolen", f"{NOON},a,1,1,", f"{NOON},a,1,1,mule")
    history = read(tmp_path, *rows, header="at,who,sum,l,t", more=LABEL + '[fraud_type]\ncolumn = "t"\n')
    assert history.fraud_type.tolist() == [2, 0, 0, 1]
    assert history.names["fraud_type"] == ["mule", "stolen"]


def test_without_labels_everything_is_unlabelled(tmp_path: Path) -> None:
    history = read(tmp_path, f"{NOON},a,1")
    assert (history.label.tolist(), history.known_us.tolist()) == ([UNLABELLED], [NEVER_KNOWN])


# --- times


@pytest.mark.parametrize(
    ("text", "more", "moment", "second", "weekday"),
    [
        ("2024-05-06T12:00:00Z", "", NOON, 43_200, 0), ("2024-05-06 12:00", "", NOON, 43_200, 0), ("2024-05-06 20:00:00.0+08:00", "", NOON, 43_200, 0),
        ("2024-05-06 12:00:00", 'zone = "Asia/Shanghai"\n', "2024-05-06 04:00:00", 43_200, 0),
        ("2024-05-05T20:00:00Z", 'zone = "Asia/Shanghai"\n', "2024-05-05 20:00:00", 14_400, 0),
        ("06.05.2024 12:00", 'format = "%d.%m.%Y %H:%M"\n', NOON, 43_200, 0), ("2024-05-06", "", "2024-05-06", -1, 0),
        ("1714996800", 'unit = "s"\n', NOON, 43_200, 0), ("1714996800.5", 'unit = "s"\n', "2024-05-06 12:00:00.5", 43_200, 0),
        ("1714996800500", 'unit = "ms"\n', "2024-05-06 12:00:00.5", 43_200, 0), ("1714996800000001", 'unit = "us"\n', "2024-05-06 12:00:00.000001", 43_200, 0),
        ("1714996800000001999", 'unit = "ns"\n', "2024-05-06 12:00:00.000001", 43_200, 0),
        ("2024-03-31 02:30:00", 'zone = "Europe/Berlin"\n', "2024-03-31 01:30:00", 12_600, 6),  # skipped in spring
        ("2024-10-27 02:30:00", 'zone = "Europe/Berlin"\n', "2024-10-27 00:30:00", 9_000, 6),  # twice in autumn
        ("2024-10-27 03:30:00", 'zone = "Europe/Berlin"\n', "2024-10-27 02:30:00", 12_600, 6),
    ],
)  # fmt: skip
def test_times_zones_and_clock_changes(tmp_path: Path, text: str, more: str, moment: str, second: int, weekday: int) -> None:
    head = f'[payer]\ncolumn = "who"\n[amount]\ncolumn = "sum"\n[time]\ncolumn = "at"\n{more}'
    history = read(tmp_path, f"{text},a,1", head=head)
    assert (history.time_us[0], history.second_of_day[0], history.weekday[0]) == (us(moment), second, weekday)


STEPS = '[payer]\ncolumn = "who"\n[amount]\ncolumn = "sum"\n[time]\ncolumn = "at"\nunit = "step"\nstep_seconds = 3600\n'


def test_steps_have_a_length_and_no_clock(tmp_path: Path) -> None:
    more = LABEL + "delay_steps = 48\n"
    history = read(tmp_path, "50,a,1,1", "2,a,1,0", header="at,who,sum,l", head=STEPS, more=more)
    assert history.time_us.tolist() == [2 * 3_600_000_000, 50 * 3_600_000_000]
    assert (history.second_of_day == -1).all()
    assert (history.weekday == -1).all()
    assert ((history.known_us - history.time_us) / DAY).tolist() == [2, 2]


def test_steps_may_have_a_clock(tmp_path: Path) -> None:
    history = read(tmp_path, "26,a,1", head=STEPS + "clock = true\n")
    assert (history.second_of_day.tolist(), history.weekday.tolist()) == ([7_200], [4])  # 1970 began on a Thursday


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Shanghai"])
def test_parquet_timestamps_with_and_without_a_zone(tmp_path: Path, zone: str | None) -> None:
    path = tmp_path / "a.parquet"
    noon = pl.Series("at", [datetime(2024, 5, 6, 12, tzinfo=UTC)], pl.Datetime("ns", "UTC"))
    at = noon.dt.replace_time_zone(None) if zone is None else noon.dt.convert_time_zone(zone)
    pl.DataFrame({"at": at, "who": ["a"], "sum": [1]}).write_parquet(path)
    assert read_history(path, mapping()).time_us.tolist() == [us(NOON)]


# --- what cannot be read

BAD = {
    Problem.NULL_VALUE: (f"{NOON},a,1,,0", '[rows]\nnot_null = ["x"]\n', "x"),
    Problem.TIME_MISSING: (",a,1,1,0", "", "at"),
    Problem.TIME_UNREADABLE: ("yesterday,a,1,1,0", "", "at"),
    Problem.AMOUNT_MISSING: (f"{NOON},a,,1,0", "", "sum"),
    Problem.CURRENCY_UNKNOWN: (f"{NOON},a,1,XAU,0", '[currency]\ncolumn = "x"\n', "x"),
    Problem.AMOUNT_NOT_A_NUMBER: (f"{NOON},a,five,1,0", "", "sum"),
    Problem.AMOUNT_NEGATIVE: (f"{NOON},a,-5,1,0", "", "sum"),
    Problem.AMOUNT_TOO_FINE: (f"{NOON},a,1.005,1,0", '[amount]\ncolumn = "sum"\nrounding = "exact"\n', "sum"),
    Problem.AMOUNT_TOO_LARGE: (f"{NOON},a,99999999999999,1,0", "", "sum"),
    Problem.LABEL_UNKNOWN: (f"{NOON},a,1,1,maybe", LABEL, "l"),
    Problem.KNOWN_UNREADABLE: (f"{NOON},a,1,soon,0", LABEL + 'known = "x"\n', "x"),
    Problem.PLACE_UNREADABLE: (f"{NOON},a,1,91,0", '[place]\nlatitude = "x"\nlongitude = "l"\n', "x"),
    Problem.EXTRA_NOT_A_NUMBER: (f"{NOON},a,1,red,0", '[[extra]]\ncolumn = "x"\n', "x"),
}


def bad_case(problem: Problem) -> tuple[str, HistoryMapping, str]:
    row, more, column = BAD[problem]
    head = HEAD.replace('[amount]\ncolumn = "sum"\n', "") if "[amount]" in more else HEAD
    good = "CNY" if "[currency]" in more else "2024-05-07" if "known" in more else "1"
    return f"{NOON},a,1,{good},0\n{row}", mapping(more, head), column


@pytest.mark.parametrize("problem", Problem)
def test_a_bad_row_stops_with_row_column_value_and_fix(tmp_path: Path, problem: Problem) -> None:
    rows, chosen, column = bad_case(problem)
    value = dict(zip(("at", "who", "sum", "x", "l"), rows.split("\n")[1].split(","), strict=True))[column] or None
    with pytest.raises(BadFile) as stopped:
        read_history(csv(tmp_path, rows, header="at,who,sum,x,l"), chosen)
    said = str(stopped.value)
    assert f"row 2, column {column!r} = {value!r}" in said
    assert EXPLANATIONS[problem].fix in said
    assert "Bad rows: 1 of 2" in said


@pytest.mark.parametrize("problem", Problem)
def test_a_bad_row_is_left_out_and_counted_if_so_wished(tmp_path: Path, problem: Problem) -> None:
    rows, chosen, _ = bad_case(problem)
    rules = f"not_null = {list(chosen.rows.not_null)}\n".replace("'", '"')
    skipping = parse_mapping_with_rows(BAD[problem][1], rules)
    history = read_history(csv(tmp_path, rows, header="at,who,sum,x,l"), skipping)
    assert (len(history), history.bad_rows, history.row.tolist()) == (1, {problem.value: 1}, [0])


def parse_mapping_with_rows(more: str, rules: str) -> HistoryMapping:
    head = HEAD.replace('[amount]\ncolumn = "sum"\n', "") if "[amount]" in more else HEAD
    more = more.split("[rows]", maxsplit=1)[0]
    return mapping(more + '[rows]\non_bad_row = "skip"\n' + rules, head)


def test_a_file_without_a_good_row_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="no row that can be read"):
        read(tmp_path, "x,a,1", more='[rows]\non_bad_row = "skip"\n')
    with pytest.raises(BadFile, match="no row that can be read"):
        read(tmp_path)


def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"column 'dev' \(device\.column\) is not in the file; it has 'at', 'who', 'sum'"):
        read(tmp_path, f"{NOON},a,1", more='[device]\ncolumn = "dev"\n')


@pytest.mark.parametrize(
    ("column", "values", "more", "said"),
    [
        ("at", [1, 2], "", "set time.unit"),
        ("sum", [True, False], "", r"column 'sum' \(amount\.column\) is Boolean"),
        ("x", [[1], [2]], '[device]\ncolumn = "x"\n', "not a single value"),
    ],
)
def test_a_column_of_the_wrong_type_is_named(tmp_path: Path, column: str, values: list[object], more: str, said: str) -> None:
    path = tmp_path / "a.parquet"
    frame = {"at": ["2024-01-01"] * 2, "who": ["a", "b"], "sum": [1, 2], "x": ["", ""]} | {column: values}
    pl.DataFrame(frame).write_parquet(path)
    with pytest.raises(BadFile, match=said):
        read_history(path, mapping(more))


def test_files_that_are_no_tables_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="no such file"):
        read_history(tmp_path / "none.csv", mapping())
    odd = tmp_path / "a.xlsx"
    odd.write_bytes(b"")
    with pytest.raises(BadFile, match=r"use \.csv or \.parquet"):
        read_history(odd, mapping())
    broken = tmp_path / "a.parquet"
    broken.write_bytes(b"no parquet")
    with pytest.raises(BadFile, match="cannot be read"):
        read_history(broken, mapping())
    strange = tmp_path / "a.csv"
    strange.write_bytes("at,who,sum\n2024-01-01,张三,1\n".encode("gb18030"))
    with pytest.raises(BadFile, match="UTF-8"):
        read_history(strange, mapping())


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators_and_a_byte_order_mark_are_understood(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"\ufeffat,who,sum\n{NOON},a,1\n".replace(",", separator), "utf-8")
    assert read_history(path, mapping()).time_us.tolist() == [us(NOON)]


def test_bad_mappings_are_refused_where_they_are_read(tmp_path: Path) -> None:
    with pytest.raises(BadMapping, match="check the path"):
        load_mapping(tmp_path / "none.toml")
