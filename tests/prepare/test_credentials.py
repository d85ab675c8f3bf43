"""API keys: shown once, stored as a hash, good until they expire or are revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from support.database import Database

from penstock.prepare.credentials import actions, rules, store
from penstock.prepare.credentials.rules import BadKeyRequest, KeyRecord, KeyRefused

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def make(connection: psycopg.Connection, seed: int = 1, **changes: object) -> tuple[str, KeyRecord]:
    wanted = {"client": "shop", "owner": "Li Wei", "scopes": ["read", "payments:write"], "days": 90} | changes
    return actions.create_key(connection, now=NOW, random=bytes([seed]) * rules.RANDOM_BYTES, **wanted)  # type: ignore[arg-type]


def test_a_key_is_good_for_its_client_and_its_text_is_not_stored(database: Database) -> None:
    with database.connect("penstock_edge") as connection:
        text, record = make(connection)
        stored = store.load_keys(connection)
        dump = str(connection.execute("SELECT k::text FROM api_key k").fetchall())
    assert stored == [record]
    secret = text.rsplit("_", 1)[1]
    assert len(secret) == 52
    assert secret not in dump
    assert rules.check({record.key_id: record}, text, NOW) == record
    assert record.scopes == {"read", "payments:write"}


def test_two_keys_of_one_name_speak_for_one_client(database: Database) -> None:
    with database.connect("penstock_edge") as connection:
        clients = [make(connection, seed, client=name)[1].client for seed, name in ((1, "a"), (2, "a"), (3, "b"))]
    assert clients[0] == clients[1] != clients[2]


def test_a_revoked_key_is_refused(database: Database) -> None:
    with database.connect("penstock_edge") as connection:
        text, record = make(connection)
        actions.revoke_key(connection, record.key_id, NOW)
        with pytest.raises(BadKeyRequest, match="revoked before"):
            actions.revoke_key(connection, record.key_id, NOW)
        keys = {key.key_id: key for key in store.load_keys(connection)}
    with pytest.raises(KeyRefused, match="revoked"):
        rules.check(keys, text, NOW)


def test_a_key_runs_out(database: Database) -> None:
    with database.connect("penstock_edge") as connection:
        text, record = make(connection, days=1)
    keys = {record.key_id: record}
    rules.check(keys, text, NOW + timedelta(hours=23, minutes=59))
    with pytest.raises(KeyRefused, match="expired"):
        rules.check(keys, text, NOW + timedelta(days=1))


def test_wrong_keys_are_refused(database: Database) -> None:
    with database.connect("penstock_edge") as connection:
        text, record = make(connection)
    changed = text[:-2] + ("a" if text[-2] != "a" else "b") + text[-1]
    for wrong in (changed, "", "psk_", text.upper(), text + "a", f"psk_{'a' * 12}_{'a' * 52}"):
        with pytest.raises(KeyRefused):
            rules.check({record.key_id: record}, wrong, NOW)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"client": "Penstock"}, "own"),
        ({"scopes": ["write"]}, "scope"),
        ({"scopes": []}, "scope"),
        ({"owner": " "}, "owner"),
        ({"client": "a\nb"}, "client"),
        ({"days": 0}, "expires-days"),
        ({"days": 367}, "expires-days"),
    ],
)
def test_a_bad_request_names_the_field(database: Database, changes: dict[str, object], field: str) -> None:
    with database.connect("penstock_edge") as connection, pytest.raises(BadKeyRequest, match=field):
        make(connection, **changes)


def test_an_owner_is_one_person_however_many_keys(database: Database) -> None:
    with database.connect("penstock_edge") as connection:
        records = [
            make(connection, seed, owner=owner, client=client)[1]
            for seed, owner, client in ((1, "Li Wei", "a"), (2, "Li Wei", "b"), (3, "Zhao Min", "a"))
        ]
        stored = {key.key_id: key.person for key in store.load_keys(connection)}
    assert records[0].person == records[1].person != records[2].person
    assert 0 not in stored.values()
    assert stored == {record.key_id: record.person for record in records}


def test_the_scopes_of_people_can_be_granted() -> None:
    assert rules.require_scopes(["approve", "review", "control"]) == ["review", "control", "approve"]
