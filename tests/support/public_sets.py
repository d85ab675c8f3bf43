"""Made-up files with the column names of well-known public sets of labelled payments."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import polars as pl

ROWS = 3_000
Frame = Callable[[random.Random], pl.DataFrame]


def _frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, infer_schema_length=None)


def _fraud(dice: random.Random) -> int:
    return int(dice.random() < 0.03)


def handbook(dice: random.Random) -> pl.DataFrame:
    """The simulated set of the Fraud Detection Handbook."""
    rows = []
    for number in range(ROWS):
        seconds = number * 60 * 86_400 // ROWS + dice.randrange(200)
        fraud = _fraud(dice)
        when = datetime.fromisoformat("2018-04-01") + timedelta(seconds=seconds)
        rows.append({"TRANSACTION_ID": number, "TX_DATETIME": when, "CUSTOMER_ID": dice.randrange(200), "TERMINAL_ID": dice.randrange(150),
                     "TX_AMOUNT": round(dice.lognormvariate(4, 1), 2), "TX_TIME_SECONDS": seconds, "TX_TIME_DAYS": seconds // 86_400,
                     "TX_FRAUD": fraud, "TX_FRAUD_SCENARIO": fraud * dice.randint(1, 3)})  # fmt: skip
    return _frame(rows)


def paysim(dice: random.Random) -> pl.DataFrame:
    """Mobile money, hourly steps with a daily rhythm, a payer of its own for almost each payment."""
    hours = [hour for hour in range(480) for _ in range(20 if 8 <= hour % 24 < 21 else 1)]
    rows = []
    for number, step in enumerate(sorted(dice.choices(hours, k=ROWS))):
        fraud = _fraud(dice)
        rows.append({"step": step, "type": dice.choice(("PAYMENT", "TRANSFER", "CASH_OUT", "CASH_IN", "DEBIT")), "amount": round(dice.lognormvariate(8, 1), 2),
                     "nameOrig": f"C{number * 7}", "oldbalanceOrg": dice.random() * 1e5, "newbalanceOrig": dice.random() * 1e5,
                     "nameDest": f"{dice.choice('CM')}{dice.randrange(400)}", "oldbalanceDest": dice.random() * 1e5, "newbalanceDest": dice.random() * 1e5,
                     "isFraud": fraud, "isFlaggedFraud": int(fraud and dice.random() < 0.01)})  # fmt: skip
    return _frame(rows)


def sparkov(dice: random.Random) -> pl.DataFrame:
    """Simulated cards of the United States, with the home of the holder and the place of the merchant."""
    homes = [(round(dice.uniform(25, 48), 4), round(dice.uniform(-120, -70), 4), f"town {n}") for n in range(120)]
    rows = []
    for number in range(ROWS):
        card = dice.randrange(120)
        when = datetime.fromisoformat("2019-01-01") + timedelta(seconds=number * 90 * 86_400 // ROWS)
        latitude, longitude, city = homes[card]
        rows.append({"": number, "trans_date_trans_time": f"{when:%Y-%m-%d %H:%M:%S}", "cc_num": 4_000_000_000 + card, "merchant": f"fraud_Kirlin {dice.randrange(90)}",
                     "category": dice.choice(("misc_net", "gas_transport", "home")), "amt": round(dice.lognormvariate(3.5, 1), 2), "first": "Ann", "last": "Lee", "gender": "FM"[card % 2],
                     "street": f"{card} Elm Street", "city": city, "state": "NC", "zip": 20_000 + card, "lat": latitude, "long": longitude, "city_pop": 100 * card, "job": "clerk",
                     "dob": f"19{50 + card % 50}-01-02", "trans_num": f"{dice.getrandbits(64):016x}", "unix_time": 1_325_376_018 + number, "merch_lat": latitude + dice.random(),
                     "merch_long": longitude + dice.random(), "is_fraud": _fraud(dice)})  # fmt: skip
    return _frame(rows)


def ieee_cis(dice: random.Random) -> pl.DataFrame:
    """Online cards; seconds from an unknown day on."""
    rows = [
        {"TransactionID": 2_987_000 + number, "isFraud": _fraud(dice), "TransactionDT": 86_400 + number * 3_000 + dice.randrange(2_999),
                     "TransactionAmt": round(dice.lognormvariate(4, 1), 3), "ProductCD": dice.choice("WCRHS"), "card1": dice.randrange(1_000, 1_400), "card2": float(dice.randrange(100, 600)),
                     "card4": dice.choice(("visa", "mastercard")), "card6": dice.choice(("debit", "credit")), "addr1": dice.choice((None, *(float(n) for n in range(100, 160)))),
                     "addr2": 87.0, "dist1": dice.choice((None, 19.0, 287.0)), "P_emaildomain": dice.choice((None, "a.example", "b.example", "c.example")), "C1": float(dice.randrange(9)),
                     "DeviceType": dice.choice((None, "mobile", "desktop")), "DeviceInfo": dice.choice((None, "Windows", "iOS Device"))}
        for number in range(ROWS)
    ]  # fmt: skip
    return _frame(rows)


def banksim(dice: random.Random) -> pl.DataFrame:
    """A bank's shop payments in daily steps; texts with quotes."""
    rows = [
        {"step": number * 180 // (ROWS * 2), "customer": f"'C{dice.randrange(300)}'", "age": f"'{dice.randrange(7)}'", "gender": "'F'" if number % 2 else "'M'",
                     "zipcodeOri": "'28007'", "merchant": f"'M{dice.randrange(50)}'", "zipMerchant": "'28007'", "category": dice.choice(("'es_health'", "'es_travel'")),
                     "amount": round(dice.lognormvariate(3, 1), 2), "fraud": _fraud(dice)}
        for number in range(ROWS * 2)
    ]  # fmt: skip
    return _frame(rows)


def sffsd(dice: random.Random) -> pl.DataFrame:
    """An ordinal number for a time, three labels."""
    rows = [
        {"Time": number, "Source": f"S{dice.randrange(400)}", "Target": f"T{dice.randrange(60)}", "Amount": round(dice.lognormvariate(3, 1), 2),
                     "Location": f"L{dice.randrange(30)}", "Type": f"TP{dice.randrange(20)}", "Labels": dice.choices((2, 0, 1), (60, 32, 8))[0]}
        for number in range(ROWS)
    ]  # fmt: skip
    return _frame(rows)


def tabformer(dice: random.Random) -> pl.DataFrame:
    """Cards with the time spread over a calendar's columns, and signs in the amount."""
    rows = []
    for number in range(ROWS):
        when = datetime.fromisoformat("2019-01-01") + timedelta(minutes=number * 45)
        rows.append({"User": dice.randrange(80), "Card": dice.randrange(3), "Year": when.year, "Month": when.month, "Day": when.day, "Time": f"{when:%H:%M}", "Amount": f"${dice.lognormvariate(4, 1):.2f}",
                     "Use Chip": dice.choice(("Swipe Transaction", "Chip Transaction", "Online Transaction")), "Merchant Name": dice.randrange(-(10**15), 10**15) // 10**13, "Merchant City": dice.choice(("Rome", "ONLINE")),
                     "Merchant State": "CA", "Zip": 91_750.0, "MCC": dice.choice((5300, 5411)), "Errors?": dice.choice((None, None, None, "Insufficient Balance")), "Is Fraud?": "Yes" if _fraud(dice) else "No"})  # fmt: skip
    return _frame(rows)


def saml_d(dice: random.Random) -> pl.DataFrame:
    """Money laundering between accounts; date and hour apart."""
    rows = []
    for number in range(ROWS):
        when = datetime.fromisoformat("2022-10-07") + timedelta(minutes=number * 30)
        fraud = _fraud(dice)
        rows.append({"Time": f"{when:%H:%M:%S}", "Date": f"{when:%Y-%m-%d}", "Sender_account": dice.randrange(10**9, 10**9 + 300), "Receiver_account": dice.randrange(10**9, 10**9 + 300),
                     "Amount": round(dice.lognormvariate(7, 1), 2), "Payment_currency": dice.choice(("UK pounds", "Euro")), "Received_currency": "UK pounds", "Sender_bank_location": dice.choice(("UK", "France")),
                     "Receiver_bank_location": "UK", "Payment_type": dice.choice(("ACH", "Cheque", "Cash Deposit")), "Is_laundering": fraud, "Laundering_type": "Smurfing" if fraud else "Normal_Small_Fan_Out"})  # fmt: skip
    return _frame(rows)


def chinese(dice: random.Random) -> pl.DataFrame:
    """Transfers with Chinese names, network addresses, an outcome and the time of the report."""
    rows = []
    for number in range(ROWS):
        when = datetime.fromisoformat("2025-01-01") + timedelta(minutes=number * 45)
        fraud = _fraud(dice)
        rows.append({"流水号": f"X{number}", "交易时间": f"{when:%Y/%m/%d %H:%M:%S}", "付款账号": f"6222{dice.randrange(200):08d}", "收款账号": f"6217{dice.randrange(100):08d}", "交易金额": round(dice.lognormvariate(5, 1), 2),
                     "设备号": dice.choice(("未知", *(f"D{n}" for n in range(250)))), "登录地址": f"10.1.{dice.randrange(9)}.{dice.randrange(200)}", "交易渠道": dice.choice(("手机", "网银")), "交易类型": dice.choice(("转账", "消费")),
                     "交易状态": dice.choices(("成功", "失败"), (95, 5))[0], "是否欺诈": "是" if fraud else "否", "举报时间": f"{when + timedelta(days=dice.randint(1, 9)):%Y/%m/%d %H:%M:%S}" if fraud else None})  # fmt: skip
    return _frame(rows)
