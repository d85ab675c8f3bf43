"""What ``penstock map`` proposes for files with the column names of public sets, and that its proposal reads them."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from support import public_sets
from support.labelled import labelled_history, write_labelled
from typer.testing import CliRunner

from penstock.app.cli import make_app
from penstock.improve.history.columns import FRAUD, NO_PLACE, UNLABELLED, History
from penstock.improve.history.mapping import HistoryMapping, TimeUnit, load_mapping
from penstock.improve.history.proposing.meanings import declined_values, label_meaning
from penstock.improve.history.proposing.proposal import NothingToPropose, propose
from penstock.improve.history.proposing.tables import Draft
from penstock.improve.history.proposing.timing import time_of_numbers
from penstock.improve.history.proposing.writing import toml_table
from penstock.improve.history.reading import read_history

Proposed = tuple[Draft, HistoryMapping, History]


def proposed(folder: Path, make: public_sets.Frame, ending: str = "parquet") -> Proposed:
    frame = make(random.Random(1))
    file = folder / f"set.{ending}"
    if ending == "csv":
        frame.write_csv(file)
    else:
        frame.write_parquet(file)
    return propose(file)


def slots(draft: Draft) -> dict[str, str]:
    return {slot: choice.column.name for slot, choice in draft.chosen.items()}


def frauds(history: History) -> int:
    return int((history.label == FRAUD).sum())


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_handbook_has_terminals_for_payees_and_scenarios_for_fraud_types(tmp_path: Path, ending: str) -> None:
    draft, mapping, history = proposed(tmp_path, public_sets.handbook, ending)
    expected = {"time": "TX_DATETIME", "payer": "CUSTOMER_ID", "payee": "TERMINAL_ID", "amount": "TX_AMOUNT", "label": "TX_FRAUD"}
    assert slots(draft) == expected | {"fraud_type": "TX_FRAUD_SCENARIO"}
    assert mapping.payee is not None
    assert mapping.payee.prefix  # customers and terminals are numbered alike
    assert set(history.names["fraud_type"]) == {"1", "2", "3"}
    assert mapping.delay_us == 7 * 86_400_000_000
    assert len(history) == public_sets.ROWS


def test_steps_of_an_hour_are_found_by_their_daily_rhythm(tmp_path: Path) -> None:
    draft, mapping, history = proposed(tmp_path, public_sets.paysim)
    expected = {"time": "step", "type": "type", "amount": "amount", "payer": "nameOrig", "payee": "nameDest", "label": "isFraud"}
    assert slots(draft) == expected
    assert (mapping.time.unit, mapping.time.step_seconds, mapping.has_clock) == (TimeUnit.STEP, 3_600, True)
    assert set(np.unique(history.payment_type)) == {1, 2, 4, 100, 101}  # TRANSFER, PAYMENT and CASH_OUT are types of ours
    assert any("payer of its own" in doubt for doubt in draft.doubts)
    assert "Balance" not in draft.text().replace("balance", "Balance")  # what follows from the payment is no hint


def test_a_merchants_place_is_taken_and_a_holders_home_is_not(tmp_path: Path) -> None:
    draft, mapping, history = proposed(tmp_path, public_sets.sparkov, "csv")
    chosen = slots(draft)
    assert chosen["payer"] == "cc_num"
    assert (chosen["payee"], chosen["category"], chosen["amount"], chosen["label"]) == ("merchant", "category", "amt", "is_fraud")
    assert chosen["time"] == "trans_date_trans_time"
    assert mapping.place is not None
    assert (mapping.place.column, mapping.place.latitude, mapping.place.longitude) == (None, "merch_lat", "merch_long")
    assert (history.latitude_e4 != NO_PLACE).all()


def test_cards_pay_where_nobody_else_is_named_and_nothing_is_made_a_payee(tmp_path: Path) -> None:
    draft, mapping, history = proposed(tmp_path, public_sets.ieee_cis)
    chosen = slots(draft)
    assert (chosen["payer"], chosen["amount"], chosen["label"], chosen["type"]) == ("card1", "TransactionAmt", "isFraud", "ProductCD")
    assert "payee" not in chosen
    assert mapping.time.unit is TimeUnit.SECONDS
    assert not history.payee.any()
    assert (history.place == 0).any()  # what is missing is nobody
    assert "device" not in chosen


def test_crowded_daily_steps_are_days(tmp_path: Path) -> None:
    draft, mapping, history = proposed(tmp_path, public_sets.banksim)
    expected = {"time": "step", "payer": "customer", "payee": "merchant", "category": "category", "amount": "amount", "label": "fraud"}
    assert slots(draft) == expected
    assert (mapping.time.step_seconds, mapping.has_clock) == (86_400, False)
    assert (history.weekday == -1).all()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_ordinal_time_and_three_labels(tmp_path: Path, ending: str) -> None:
    draft, mapping, history = proposed(tmp_path, public_sets.sffsd, ending)
    expected = {"time": "Time", "payer": "Source", "payee": "Target", "amount": "Amount", "place": "Location", "type": "Type", "label": "Labels"}
    assert slots(draft) == expected
    assert mapping.label is not None
    assert (mapping.label.fraud, mapping.label.genuine, mapping.label.unlabelled) == ([1], [0], [2])
    assert (history.label == UNLABELLED).any()
    assert len(history.names["category"]) == 20  # so many types are categories too
    assert mapping.time.unit is TimeUnit.STEP
    assert 29 <= (history.time_us[-1] - history.time_us[0]) / 86_400e6 <= 730


def test_a_time_over_several_columns_and_signs_in_the_amount(tmp_path: Path) -> None:
    draft, mapping, history = proposed(tmp_path, public_sets.tabformer, "csv")
    assert mapping.time.column == ["Year", "Month", "Day", "Time"]
    assert mapping.amount.strip == "$"
    assert mapping.outcome is not None
    assert mapping.outcome.declined == ["insufficient balance"]
    chosen = slots(draft)
    assert (chosen["payer"], chosen["payee"], chosen["channel"], chosen["label"]) == ("User", "Merchant Name", "Use Chip", "Is Fraud?")
    assert history.failed.any()
    assert history.second_of_day.max() > 80_000


def test_a_day_and_an_hour_apart_become_one_time(tmp_path: Path) -> None:
    draft, mapping, history = proposed(tmp_path, public_sets.saml_d, "csv")
    assert mapping.time.column == ["Date", "Time"]
    chosen = slots(draft)
    assert (chosen["payer"], chosen["payee"], chosen["label"]) == ("Sender_account", "Receiver_account", "Is_laundering")
    assert "Payment_currency" in draft.left_out
    assert history.names["fraud_type"] == ["Smurfing"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_chinese_names_reports_outcomes_and_missing_words(tmp_path: Path, ending: str) -> None:
    draft, mapping, history = proposed(tmp_path, public_sets.chinese, ending)
    expected = {"time": "交易时间", "payer": "付款账号", "payee": "收款账号", "amount": "交易金额", "device": "设备号", "network": "登录地址", "channel": "交易渠道",
                "type": "交易类型", "outcome": "交易状态", "label": "是否欺诈", "known": "举报时间"}  # fmt: skip
    assert slots(draft) == expected
    assert mapping.missing == ["未知"]
    assert (history.device == 0).any()
    assert history.failed.any()
    known = history.label == FRAUD
    days = (history.known_us - history.time_us)[known] / 86_400e6
    assert set(np.round(days)) <= set(range(1, 10))
    assert 8 <= history.maturity_us / 86_400e6 <= 9
    assert set(np.unique(history.payment_type)) == {1, 2}


def test_our_own_town_is_read_almost_as_its_mapping_says(tmp_path: Path) -> None:
    file, _ = write_labelled(tmp_path, 5, 2_000)
    _, _, history = propose(file)
    truth = labelled_history(5, 2_000)
    for name in ("payer", "payee", "device", "network", "place", "category", "payment_type", "amount_minor", "failed", "intent", "label", "fraud_type"):
        assert np.array_equal(getattr(history, name), getattr(truth, name)), name


def test_the_proposal_is_the_same_each_time_and_for_either_kind_of_file(tmp_path: Path) -> None:
    texts = {proposed(tmp_path, public_sets.handbook, ending)[0].text().replace(ending, "") for ending in ("csv", "csv", "parquet")}
    assert len(texts) == 1


def test_a_file_without_an_amount_says_what_it_has(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("when,customer\n2024-01-01,a\n2024-01-02,b\n", "utf-8")
    with pytest.raises(NothingToPropose, match=r"no column can be the amount.*'when' \(time\), 'customer' \(text\)"):
        propose(file)


def test_rows_that_cannot_be_read_are_left_out_and_told(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    rows = [f"2024-01-{1 + n % 28:02} 10:00:00,c{n % 40},m{n % 9},{'-5' if n == 7 else n + 0.5},{int(n % 20 == 0)}" for n in range(1_000)]
    file.write_text("\n".join(("date,customer,merchant,amount,fraud", *rows)), "utf-8")
    draft, _, history = propose(file)
    assert history.bad_rows == {"amount_negative": 1}
    assert any("left out" in doubt for doubt in draft.doubts)


@pytest.mark.parametrize(
    ("counts", "fraud", "genuine", "unlabelled", "doubtful"),
    [
        ({"0": 90, "1": 10}, [1], [0], [], False),
        ({"2": 60, "0": 30, "1": 10}, [1], [0], [2], False),
        ({"0": 30, "1": 10, "": 5}, [1], [0], [""], False),
        ({"false": 9, "true": 1}, [True], [False], [], False),
        ({"2": 90, "1": 5, "unknown": 50}, [1], [2], ["unknown"], True),
        ({"normal": 90, "fraud": 5, "odd": 5}, ["fraud"], ["normal"], ["odd"], True),
        ({"blue": 90, "red": 5}, ["red"], ["blue"], [], True),
        ({"1": 90, "0": 5}, [1], [0], [], True),
        ({"否": 9, "是": 1}, ["是"], ["否"], [], False),
    ],
)
def test_values_of_labels(counts: dict[str, int], fraud: list[object], genuine: list[object], unlabelled: list[object], doubtful: bool) -> None:
    meaning = label_meaning(counts)
    assert (meaning.fraud, meaning.genuine, meaning.unlabelled, bool(meaning.doubts)) == (fraud, genuine, unlabelled, doubtful)


@pytest.mark.parametrize(
    ("counts", "name", "declined"),
    [
        ({"ok": 9, "declined": 1}, "status", ["declined"]),
        ({"true": 9, "false": 1}, "is_approved", [False]),
        ({"0": 9, "1": 1}, "declined", [1]),
        ({"0": 9, "1": 1}, "status", []),
        ({"single": 9, "married": 9}, "status", []),
    ],
)
def test_values_of_outcomes(counts: dict[str, int], name: str, declined: list[object]) -> None:
    assert declined_values(counts, name) == declined


@pytest.mark.parametrize(("scale", "unit"), [(1, "s"), (1_000, "ms"), (1_000_000, "us"), (1_000_000_000, "ns")])
def test_epochs_are_told_by_their_size(scale: int, unit: str) -> None:
    timing = time_of_numbers("t", pl.Series([1_700_000_000 * scale, 1_700_100_000 * scale]), None)
    assert (timing.unit, timing.certain) == (unit, True)


def test_growth_is_no_daily_rhythm() -> None:
    steps = pl.Series(np.repeat(np.arange(240), np.arange(240) // 4 + 1))
    assert time_of_numbers("step", steps, None).clock is False


def test_a_counters_step_follows_the_payers_typical_gap() -> None:
    times, payers = pl.Series(range(10_000)), pl.Series([n % 50 for n in range(10_000)])
    timing = time_of_numbers("n", times, payers)
    assert timing.step_seconds == pytest.approx(86_400 / 50, rel=0.05)  # a payer pays every 50 steps: once a day


def test_texts_are_written_as_toml_reads_them() -> None:
    import tomllib

    odd = 'a "quoted" \\ back\nslash 中文 \x7f'
    assert tomllib.loads(toml_table("t", {"a": [odd, 1, True, 1.5]}, "two\nlines")) == {"t": {"a": [odd, 1, True, 1.5]}}
    assert tomllib.loads(toml_table("t", {"map": {odd: "x"}})) == {"t": {"map": {odd: "x"}}}
    assert tomllib.loads(toml_table("t", {"a": 1}, listed=True, off=True)) == {}


def test_the_command_writes_a_mapping_that_reads_the_file(tmp_path: Path) -> None:
    file, out = tmp_path / "set.parquet", tmp_path / "m.toml"
    public_sets.sffsd(random.Random(1)).write_parquet(file)
    said = CliRunner().invoke(make_app(), ["map", str(file), "--out", str(out)])
    assert said.exit_code == 0, said.output
    assert "taken for" in said.stderr
    assert len(read_history(file, load_mapping(out))) == public_sets.ROWS
    again = CliRunner().invoke(make_app(), ["map", str(file), "--out", str(out)])
    assert (again.exit_code, "is there already" in again.stderr) == (2, True)
    checked = CliRunner().invoke(make_app(), ["map", str(file), "--mapping", str(out)])
    assert (checked.exit_code, "unlabelled" in checked.stderr) == (0, True)


def test_without_out_only_the_mapping_goes_to_standard_output(tmp_path: Path) -> None:
    file, copy = tmp_path / "set.csv", tmp_path / "m.toml"
    public_sets.handbook(random.Random(1)).write_csv(file)
    said = CliRunner().invoke(make_app(), ["map", str(file)])
    copy.write_text(said.stdout, "utf-8")
    assert len(read_history(file, load_mapping(copy))) == public_sets.ROWS
    missing = CliRunner().invoke(make_app(), ["map", str(tmp_path / "none.csv")])
    assert (missing.exit_code, "no such file" in missing.stderr) == (2, True)
