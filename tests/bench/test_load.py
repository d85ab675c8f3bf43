"""What the load generator sends and counts: payments that are what they should be, and figures by hand."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from penstock.app.bench import bodies, columns
from penstock.app.bench.payments import AMOUNTS_MINOR, Draw, Payments, Zipf, device_texts, network_texts
from penstock.app.bench.tally import Tally, longest_pause
from penstock.app.bench.wire import BROKEN, Wire, post
from penstock.contracts.reasons import Reason
from penstock.process.commands.columns import reading
from penstock.process.commands.columns.schema import OUTCOMES

TIME_MS = 1_750_000_000_000


def accounts(count: int) -> np.ndarray:
    texts = "".join(f"acc_{number:013d}" for number in range(count))
    return np.frombuffer(texts.encode(), np.uint8).reshape(count, 17)


def drawn(count: int, of: int = 50) -> Payments:
    return Draw(accounts(of), 1.0, np.random.default_rng(5)).payments(count, TIME_MS)


def texts(letters: np.ndarray) -> list[str]:
    return [row.tobytes().decode() for row in letters]


def test_a_column_batch_is_one_that_the_edge_takes_and_says_what_was_drawn() -> None:
    payments = drawn(300)
    body = columns.ColumnWriter(300).body(payments)
    [part] = reading.read(body, 300)
    assert part.rows == 300
    table = pa.ipc.open_stream(body).read_all()
    assert table.column("id").to_pylist() == [row.tobytes() for row in payments.ids]
    assert [text.decode() for text in table.column("payer").to_pylist()] == texts(payments.payers)
    assert table.column("device").to_pylist() == texts(payments.devices)
    assert table.column("network").to_pylist() == texts(payments.networks)
    assert table.column("amount_minor").to_pylist() == payments.amounts_minor.tolist()
    assert set(table.column("currency").to_pylist()) == {"CNY"}
    assert set(table.column("channel").to_pylist()) == {"app", "web", "pos", "qr"}


def test_json_says_the_same_as_the_columns() -> None:
    payments = drawn(40)
    table = pa.ipc.open_stream(columns.ColumnWriter(40).body(payments)).read_all().to_pylist()
    items = json.loads(bodies.batch_body(payments))
    singles = [json.loads(body) for body in bodies.single_bodies(payments)]
    assert singles == [{name: value for name, value in item.items() if name != "command"} for item in items]
    for item, row in zip(singles, table, strict=True):
        item["id"] = bytes.fromhex(item["id"].replace("-", ""))
        item["channel"] = {"atm": "qr"}.get(item["channel"], item["channel"])  # three letters each, in JSON
        item["payer"], item["payee"] = item["payer"].encode(), item["payee"].encode()
        assert item == row


def test_ids_are_different_uuid7s_of_their_time() -> None:
    ids = [row.tobytes().hex() for row in drawn(1_000).ids]
    assert len(set(ids)) == 1_000
    assert all(text[12] == "7" and text[16] in "89ab" and int(text[:12], 16) == TIME_MS for text in ids)


def test_popular_accounts_pay_more_and_nobody_pays_himself() -> None:
    zipf = Zipf(100, 1.0, np.random.default_rng(5))
    payers, payees = zipf.ranks(20_000)
    counts = np.bincount(payers, minlength=100)
    assert counts[0] > 10 * counts[-1] > 0
    assert not (zipf.payers[payers] == zipf.payees[payees]).any()
    expected = np.diff(np.log(np.arange(1, 102))) / np.log(101)
    assert np.abs(counts / 20_000 - expected).max() < 0.01


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 1.5])
def test_all_ranks_are_accounts(exponent: float) -> None:
    payers, payees = Zipf(7, exponent, np.random.default_rng(5)).ranks(5_000)
    assert set(payers.tolist()) == set(payees.tolist()) == set(range(7))


def test_each_account_has_a_device_and_neighbours_share_a_network() -> None:
    payments = drawn(20_000, of=40)
    own: dict[str, set[str]] = {}
    networks: dict[str, set[str]] = {}
    for payer, device, network in zip(texts(payments.payers), texts(payments.devices), texts(payments.networks), strict=True):
        own.setdefault(payer, set()).add(device)
        networks.setdefault(network, set()).add(payer)
    assert all({device[:-1] for device in devices} == {next(iter(devices))[:-1]} for devices in own.values())
    assert all(not a & b for a, b in pairwise(own.values()))
    assert [len(payers) for payers in networks.values()] == [4] * 10
    assert 0.01 < np.mean([text.endswith("b") for text in texts(payments.devices)]) < 0.03
    assert AMOUNTS_MINOR[0] <= payments.amounts_minor.min()
    assert payments.amounts_minor.max() < AMOUNTS_MINOR[1]


def test_texts_of_devices_and_networks_are_different_for_different_numbers() -> None:
    numbers = np.array([0, 1, 127, 128, 16_384, 2_500_000, 9_999_999], np.int32)
    assert texts(device_texts(numbers))[:2] == ["dev-00000000a", "dev-00000001a"]
    assert texts(network_texts(numbers))[:4] == ["100.100.100.100", "100.100.100.101", "100.100.100.227", "100.100.101.100"]
    assert len(set(texts(device_texts(numbers)))) == len(set(texts(network_texts(numbers)))) == len(numbers)


def outcomes(reasons: list[Reason], scores: list[float | None]) -> bytes:
    rows = [
        {
            "id": bytes(16), "status": "done", "state": "cleared", "reason": reason.name.lower(), "reason_code": int(reason),
            "payment": None, "seq": 1, "as_of_seq": 1, "time": None, "amount_minor": 1, "held_minor": 0, "moved_minor": 1,
            "fee_minor": 0, "refundable_minor": 1, "expires": None, "score": score, "model_version": 3,
        }
        for reason, score in zip(reasons, scores, strict=True)
    ]  # fmt: skip
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, OUTCOMES) as stream:
        stream.write_batch(pa.RecordBatch.from_pylist(rows, schema=OUTCOMES))
    return bytes(sink.getvalue())


def test_answers_are_counted_by_reason_score_and_second() -> None:
    tally = Tally("arrow", 2, 10.0, 12.0, by_due=True)
    mixed = outcomes([Reason.OK, Reason.INSUFFICIENT_FUNDS], [0.5, None])
    tally.take(200, mixed, 9.0, 10.5)  # of the warm-up
    tally.take(200, mixed, 10.5, 10.6)
    tally.take(200, mixed, 11.5, 11.8)
    tally.take(200, mixed, 11.9, 12.4)  # answered after the end: its latency counts, the payments do not
    tally.take(429, b"", 10.1, 10.2)
    tally.take(BROKEN, b"", 10.1, 10.2)
    tally.take(503, b"{}", 10.1, 10.2)
    result = tally.result(1.0, 0.0)
    assert (result.payments, result.payments_per_second) == (4, 2.0)
    assert (result.pushed_back, result.errors, result.draws) == (2, 4, 14)
    assert result.reasons == {"ok": 3, "insufficient_funds": 3}
    assert (result.scored, result.model_version) == (3, 3)
    assert result.latency_ms == {"p50": 300.0, "p99": pytest.approx(496.0), "max": 500.0}
    assert result.by_second["payments"] == [2, 2]
    assert result.by_second["pushed_back"] == [2, 0]
    assert result.by_second["max"] == [100.0, 500.0]
    assert result.longest_pause == {"ms": 1200.0, "at_s": 0.6}


def test_the_longest_pause_is_the_longest_gap_between_answers() -> None:
    assert longest_pause(np.array([1.0, 3.0, 3.5, 9.0]), 0.0, 5.0) == {"ms": 2000.0, "at_s": 1.0}
    assert longest_pause(np.array([2.0]), 0.0, 5.0) == {"ms": 5000.0, "at_s": 0.0}


def test_answers_come_whole_however_they_are_cut() -> None:
    content = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\nx: y\r\n\r\nhello"
    for first in range(1, len(content)):
        assert answers_of([content[:first], content[first:]] * 2) == [(201, b"hello")] * 2


def answers_of(pieces: list[bytes]) -> list[tuple[int, bytes]]:
    """What two requests, one after the other, are told."""
    found: list[tuple[int, bytes]] = []
    wire = Wire(lambda _: None, lambda _: None)
    wire.connection_made(_Transport())
    for half in (pieces[: len(pieces) // 2], pieces[len(pieces) // 2 :]):
        wire.send(post(b"POST / HTTP/1.1\r\nContent-Length: ", b"{}"), lambda status, body: found.append((status, body)))
        for piece in half:
            wire.data_received(piece)
    return found


def test_a_broken_connection_is_an_answer_that_never_comes() -> None:
    found: list[int] = []
    wire = Wire(lambda _: None, lambda _: None)
    wire.connection_made(_Transport())
    wire.send(b"", lambda status, _: found.append(status))
    wire.connection_lost(None)
    assert found == [BROKEN]


class _Transport(asyncio.Transport):
    """Takes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)
