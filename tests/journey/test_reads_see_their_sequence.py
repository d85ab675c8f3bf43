"""Whoever has been answered sees what was done, wherever they read, from any connection."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from support.bank import Bank
from support.installation import Installation


def test_a_read_after_an_answer_sees_it(bank: Bank, installation: Installation) -> None:
    payer, payee = bank.account(10_000), bank.account()
    with Bank(installation) as reader:
        for place in range(1, 21):
            outcome = bank.pay(payer, payee, 10)
            view = reader.get(f"/v1/accounts/{payee}")
            assert view["as_of_seq"] >= outcome["as_of_seq"] >= outcome["seq"]
            assert (view["available_minor"], view["last_seq"]) == (10 * place, outcome["seq"])
            assert reader.get(f"/v1/payments/{outcome['payment']}")["state"] == "cleared"
            assert reader.get(f"/v1/accounts/{payer}/entries?limit=1")["entries"][0]["seq"] == outcome["seq"]


def test_sequences_never_go_back_for_concurrent_readers(bank: Bank) -> None:
    payer, payee = bank.account(10_000), bank.account()
    path = f"/v1/accounts/{payee}"

    def read(_: int) -> list[tuple[int, int]]:
        client = bank.client()
        views = [client.get(path) for _ in range(15)]
        return [(view["as_of_seq"], view["available_minor"]) for view in views]

    with ThreadPoolExecutor(4) as pool:
        readers = pool.map(read, range(3))
        for _ in range(25):
            bank.pay(payer, payee, 1)
        for seen in readers:
            assert seen == sorted(seen), "a later read is never of an earlier state"
