"""The door: who may do what, what is refused before anything is done, and what the logs never hold."""

from __future__ import annotations

import os
import socket
import ssl
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from support.bank import Bank, until, wish
from support.installation import Installation

from penstock.app import wiring
from penstock.app.local import make_key, new_id
from penstock.kit import db
from penstock.kit.client import tls_context
from penstock.prepare.credentials import actions, rules


@pytest.fixture
def http(bank: Bank) -> Iterator[httpx.Client]:
    """Requests as they are, without the product's client and without a key."""
    with httpx.Client(base_url=bank.access.url, verify=tls_context(bank.access.ca_file), trust_env=False) as client:
        yield client


def with_key(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


ROUTES = [
    ("POST", "/v1/customers"), ("POST", "/v1/accounts"), ("POST", "/v1/deposits"), ("POST", "/v1/withdrawals"),
    ("POST", "/v1/payments"), ("POST", "/v1/payments/pay_0000000000000/clear"), ("POST", "/v1/batch"),
    ("GET", "/v1/payments/pay_0000000000000"), ("GET", "/v1/accounts/acc_0000000000000"),
    ("GET", "/v1/accounts/acc_0000000000000/entries"), ("GET", "/v1/customers/cus_0000000000000"),
    ("GET", "/v1/status"), ("GET", "/metrics"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nothing_is_for_everybody(http: httpx.Client, method: str, path: str) -> None:
    for headers in ({}, with_key("psk_aaaaaaaaaaaa_" + "a" * 52), {"authorization": "Basic YTpi"}):
        answer = http.request(method, path, headers=headers, content=b"[]" if method == "POST" else None)
        assert answer.status_code == 401, headers
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_key_does_only_what_it_was_made_for(installation: Installation, bank: Bank) -> None:
    payer, payee = bank.account(1_000), bank.account()
    body = {"id": new_id(), "account": payer, "amount_minor": 5, "currency": "CNY"}
    forbidden: dict[str, list[tuple[str, str, Any]]] = {
        "read": [("POST", "/v1/payments", wish(payer, payee, 5)), ("POST", "/v1/deposits", body), ("GET", "/v1/status", None)],
        "payments:write": [
            ("GET", f"/v1/accounts/{payer}", None),
            ("POST", "/v1/customers", {"id": new_id(), "tier": "large"}),
            ("POST", "/v1/batch", [{**wish(payer, payee, 5), "command": "pay"}, {**body, "command": "deposit"}]),
        ],
        "ledger:write": [("POST", "/v1/payments", wish(payer, payee, 5)), ("GET", "/metrics", None)],
        "customers:write": [("POST", "/v1/withdrawals", body)],
    }
    for scope, requests in forbidden.items():
        with Bank(installation, "shop", [scope]) as narrow:
            for method, path, content in requests:
                answer = narrow.once(method, path, content)
                assert answer.status == 403, (scope, path, answer)
    assert bank.money(payer) == (1_000, 0), "not even the part of a batch that the key is good for"


def test_a_revoked_key_is_refused_within_its_time(installation: Installation, http: httpx.Client) -> None:
    with Bank(installation, "shop", ["read"]) as reader:
        key_id = reader.access.key.split("_")[1]
        assert reader.once("GET", "/v1/reasons").status == 200
        with db.connect(wiring.dsn(installation.settings, "penstock_edge"), name="test") as connection:
            actions.revoke_key(connection, key_id, datetime.now(UTC))
        path = "/v1/accounts/acc_0000000000000"
        until(lambda: http.get(path, headers=with_key(reader.access.key)).status_code == 401, timeout_s=5)


def test_an_expired_key_is_refused(installation: Installation, http: httpx.Client) -> None:
    with db.connect(wiring.dsn(installation.settings, "penstock_edge"), name="test") as connection:
        expired, _ = actions.create_key(
            connection, client="shop", owner="test", scopes=["read"], now=datetime.now(UTC) - timedelta(days=2),
            random=os.urandom(rules.RANDOM_BYTES), days=1,
        )  # fmt: skip
    with Bank(installation, "shop", ["read"]) as later:  # the edge knows this key, so it knows the older one as well
        path = "/v1/accounts/acc_0000000000000"
        assert http.get(path, headers=with_key(later.access.key)).status_code == 422
        assert http.get(path, headers=with_key(expired)).status_code == 401


def handshake(context: ssl.SSLContext, port: int) -> str | None:
    """The protocol that a client and a server agree on."""
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as agreed,
    ):
        return agreed.version()


def old_tls(context: ssl.SSLContext) -> ssl.SSLContext:
    """Let a context speak TLS 1.1 and nothing newer."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def test_tls_before_1_2_is_refused(bank: Bank, installation: Installation) -> None:
    files = wiring.certificate(installation.settings)
    lax = old_tls(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    lax.load_cert_chain(files.certificate, files.key)
    old = old_tls(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    old.load_verify_locations(bank.access.ca_file)
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        served = pool.submit(lambda: lax.wrap_socket(listener.accept()[0], server_side=True).close())
        assert handshake(old, listener.getsockname()[1]) == "TLSv1.1", "this client can, when the server lets it"
        served.result()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(old, installation.settings.port)
    modern = tls_context(bank.access.ca_file)
    modern.maximum_version = ssl.TLSVersion.TLSv1_2
    assert handshake(modern, installation.settings.port) == "TLSv1.2"


def test_who_does_not_speak_tls_gets_nothing(installation: Installation) -> None:
    with socket.create_connection(("127.0.0.1", installation.settings.port)) as plain:
        plain.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        plain.settimeout(10)
        assert not plain.recv(4096).startswith(b"HTTP")


def test_a_body_that_is_too_large_is_refused(http: httpx.Client, bank: Bank, installation: Installation) -> None:
    headers = with_key(bank.access.key)
    large = b" " * (installation.settings.body_bytes + 1)
    assert http.post("/v1/payments", content=large, headers=headers).status_code == 413
    pieces = (b" " * 65_536 for _ in range(installation.settings.body_bytes // 65_536 + 1))
    assert http.post("/v1/payments", content=pieces, headers=headers).status_code == 413
    many = [{"id": new_id(), "command": "open_customer", "tier": "large"}] * (installation.settings.batch_commands + 1)
    assert http.post("/v1/batch", json=many, headers=headers).status_code == 413
    assert bank.do("/v1/customers", tier="large")["reason"] == "ok", "and the edge goes on"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"amount_minor": 0}, "amount_minor"), ({"amount_minor": -5}, "amount_minor"), ({"amount_minor": 1.5}, "amount_minor"),
    ({"amount_minor": 10**12 + 1}, "amount_minor"), ({"amount_minor": 10**30}, "amount_minor"),
    ({"amount_minor": "7"}, "amount_minor"), ({"amount_minor": None}, "amount_minor"), ({"limit": 5}, "limit"),
    ({"currency": "XXX"}, "currency"), ({"type": "any"}, "type"), ({"payer": "acc_0000000000000"}, "payer"),
    ({"payee": "cus_0000000000000"}, "payee"), ({"id": "1"}, "id"), ({"reference": "x" * 141}, "reference"),
    ({"metadata": {"a": "x" * 1_100}}, "metadata"), ({"hold_lifetime_s": 5}, "hold_lifetime_s"),
    ({"hold_only": True, "hold_lifetime_s": 0}, "hold_lifetime_s"),
]  # fmt: skip


def test_a_wrong_field_is_named_with_its_fix_and_nothing_is_done(bank: Bank) -> None:
    payer, payee = bank.account(1_000), bank.account()
    for change, field in WRONG:
        body = {**wish(payer, payee, 5), **change}
        answer = bank.once("POST", "/v1/payments", body)
        assert (answer.status, answer.content_type) in {(400, "application/problem+json"), (422, "application/problem+json")}, change
        [error] = answer.body["errors"]
        assert error["field"].endswith(field), (change, error)
        assert error["problem"], change
        assert error["fix"], change
        in_batch = bank.once("POST", "/v1/batch", [{**wish(payer, payee, 1), "command": "pay"}, {**body, "command": "pay"}])
        assert in_batch.status == answer.status, change
        assert in_batch.body["errors"][0]["field"].startswith("items[1]"), (change, in_batch.body)
    assert bank.money(payer) == (1_000, 0)


def test_the_largest_amount_is_good_and_exact(bank: Bank) -> None:
    payer, payee = bank.account(10**12), bank.account()
    assert bank.pay(payer, payee, 10**12)["moved_minor"] == 10**12
    assert bank.money(payee) == (10**12, 0)


def test_the_logs_hold_nothing_sensitive(bank: Bank, installation: Installation) -> None:
    payer, payee = bank.account(1_000), bank.account()
    secret_words = [f"secret-word-{new_id()}" for _ in range(3)]
    paid = bank.pay(payer, payee, 5, reference=secret_words[0], metadata={"who": secret_words[1]})
    assert bank.get(f"/v1/payments/{paid['payment']}")["reference"] == secret_words[0]
    bank.once("POST", "/v1/payments", {**wish(payer, payee, 5), "reference": secret_words[2] * 20})
    bank.once("POST", f"/v1/payments/{secret_words[2]}/clear", {"id": new_id()})
    shown_once = make_key(installation.settings, "shop", ["read"])
    with httpx.Client(base_url=bank.access.url, verify=tls_context(bank.access.ca_file), trust_env=False) as client:
        client.get("/v1/status", headers=with_key(shown_once))
        client.get("/v1/status", headers=with_key(shown_once[:-1] + "x"))
    passwords = [path.read_text("utf-8").strip() for path in (installation.home / "secrets").glob("database-*")]
    assert len(passwords) >= 3
    logs = installation.log + "".join(
        path.read_text("utf-8", errors="replace") for path in (installation.home / "log").rglob("*") if path.is_file()
    )
    assert "ready" in logs
    for word in (*secret_words, *passwords, bank.access.key.split("_")[2], shown_once.split("_")[2][:-1]):
        assert word not in logs
