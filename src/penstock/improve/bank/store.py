"""The simulated bank's books in SQLite: transfers, entries, notifications. All SQL of the simulator.

An entry, and what is said of its transfer, change in one transaction that is on disk before the bank answers.
"""

from __future__ import annotations

import hashlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from penstock.contracts.bank import (
    SIGNS,
    CreditTransfer,
    Entry,
    EntryKind,
    Money,
    Notification,
    Party,
    Statement,
    TransferCode,
    TransferStatus,
)
from penstock.improve.bank.rules import Behaviour, Treatment

_TABLES: Final = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS transfer (
        end_to_end_id TEXT PRIMARY KEY, body BLOB NOT NULL, digest BLOB NOT NULL, status TEXT NOT NULL,
        reason TEXT NOT NULL, bank_reference TEXT NOT NULL DEFAULT '', received REAL NOT NULL,
        pay_at REAL, return_after REAL, return_at REAL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS transfer_due ON transfer (pay_at) WHERE pay_at IS NOT NULL;
    CREATE INDEX IF NOT EXISTS return_due ON transfer (return_at) WHERE return_at IS NOT NULL;
    CREATE TABLE IF NOT EXISTS lost (end_to_end_id TEXT PRIMARY KEY) STRICT;
    CREATE TABLE IF NOT EXISTS entry (
        number INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, date TEXT NOT NULL, change INTEGER NOT NULL,
        end_to_end_id TEXT NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS entry_day ON entry (account, date);
    CREATE TABLE IF NOT EXISTS notification (
        cursor INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER NOT NULL REFERENCES entry
    ) STRICT;
    CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
_ADD_TRANSFER: Final = """
    INSERT INTO transfer (end_to_end_id, body, digest, status, reason, received, pay_at, return_after)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""


class OtherContent(ValueError):
    """The end-to-end id was used for a transfer with other content."""


class Books:
    """One bank's books in a file; not to be shared between threads."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # --- transfers out

    def find(self, end_to_end_id: str) -> TransferStatus | None:
        """What the bank says of a transfer; None when it does not know it."""
        query = "SELECT end_to_end_id, status, reason, bank_reference, received FROM transfer WHERE end_to_end_id = ?"
        row = self._db.execute(query, [end_to_end_id]).fetchone()
        return None if row is None else TransferStatus(row[0], TransferCode(row[1]), row[2], row[3], _time(row[4]))

    def add(self, transfer: CreditTransfer, treated: Treatment, now: float) -> TransferStatus:
        """Take a transfer on, or say again what was said of it.

        :raises OtherContent: when the id stands for something else.
        """
        body = msgspec.json.encode(transfer, order="sorted")
        digest = hashlib.sha256(body).digest()
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            known = self._db.execute("SELECT digest FROM transfer WHERE end_to_end_id = ?", [transfer.end_to_end_id]).fetchone()
            if known is None:
                pay_at = None if treated.pays_after_s is None else now + treated.pays_after_s
                values = (transfer.end_to_end_id, body, digest, treated.said, treated.reason, now, pay_at)
                self._db.execute(_ADD_TRANSFER, [*values, treated.returns_after_s])
                self._settle(now)
            elif known[0] != digest:
                raise OtherContent(transfer.end_to_end_id)
        found = self.find(transfer.end_to_end_id)
        assert found is not None
        return found

    def lose(self, end_to_end_id: str) -> bool:
        """Lose a request, if it is the first for its transfer; whether it was lost."""
        if self.find(end_to_end_id) is not None:
            return False
        return self._db.execute("INSERT OR IGNORE INTO lost VALUES (?)", [end_to_end_id]).rowcount == 1

    # --- what time brings

    def settle(self, now: float) -> None:
        """Book what has fallen due."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._settle(now)

    def _settle(self, now: float) -> None:
        due = self._db.execute("SELECT body, status, return_after FROM transfer WHERE pay_at <= ?", [now]).fetchall()
        for body, status, return_after in due:
            self._pay(msgspec.json.decode(body, type=CreditTransfer), status, return_after, now)
        back = self._db.execute("SELECT body FROM transfer WHERE return_at <= ?", [now]).fetchall()
        for (body,) in back:
            self._return(msgspec.json.decode(body, type=CreditTransfer), now)

    def _pay(self, transfer: CreditTransfer, status: str, return_after: float | None, now: float) -> None:
        entry = Entry("", EntryKind.DEBIT, transfer.amount, _time(now), transfer.end_to_end_id, counterparty=transfer.creditor)
        reference = self._book(transfer.debtor.account, entry)
        lies = status == TransferCode.RJCT
        self._db.execute(
            "UPDATE transfer SET status = ?, bank_reference = ?, pay_at = NULL, return_at = ? WHERE end_to_end_id = ?",
            [
                TransferCode.RJCT if lies else TransferCode.ACSC, "" if lies else reference,
                None if return_after is None else now + return_after, transfer.end_to_end_id,
            ],
        )  # fmt: skip

    def _return(self, transfer: CreditTransfer, now: float) -> None:
        entry = Entry(
            "", EntryKind.RETURN, transfer.amount, _time(now), transfer.end_to_end_id, reason="AC04",
            counterparty=transfer.creditor,
        )  # fmt: skip
        self._book(transfer.debtor.account, entry)
        self._db.execute("UPDATE transfer SET return_at = NULL WHERE end_to_end_id = ?", [transfer.end_to_end_id])

    # --- entries and notifications

    def credit(self, account: str, amount: Money, reference: str, payer: Party, words: str, now: float) -> Entry:
        """Somebody pays in."""
        entry = Entry(
            "", EntryKind.CREDIT, amount, _time(now), creditor_reference=reference, counterparty=payer,
            remittance_information=words,
        )  # fmt: skip
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            number = self._book(account, entry)
        return msgspec.structs.replace(entry, bank_reference=number)

    def _book(self, account: str, entry: Entry) -> str:
        change = SIGNS[entry.kind] * entry.amount.minor_units
        values = [account, entry.time[:10], change, entry.end_to_end_id, entry.kind]
        added = self._db.execute(
            "INSERT INTO entry (account, date, change, end_to_end_id, kind, body) VALUES (?, ?, ?, ?, ?, x'')", values
        )
        number = added.lastrowid
        named = msgspec.structs.replace(entry, bank_reference=f"SIM{number:012d}")
        self._db.execute("UPDATE entry SET body = ? WHERE number = ?", [msgspec.json.encode(named), number])
        if entry.kind is not EntryKind.DEBIT:
            twice = self.behaviour() in (Behaviour.DUPLICATING, Behaviour.MIXED)
            for _ in range(2 if twice else 1):
                self._db.execute("INSERT INTO notification (number) VALUES (?)", [number])
        return named.bank_reference

    def notifications(self, after: int, most: int) -> list[Notification]:
        """Notifications beyond a cursor, in order."""
        rows = self._db.execute(
            "SELECT cursor, account, body FROM notification JOIN entry USING (number) WHERE cursor > ? ORDER BY cursor LIMIT ?",
            [after, most],
        )
        return [Notification(cursor, account, msgspec.json.decode(body, type=Entry)) for cursor, account, body in rows]

    def statement(self, account: str, date: str, currency: str) -> Statement:
        """The entries of a day between the balances before and after."""
        before = self._db.execute("SELECT coalesce(sum(change), 0) FROM entry WHERE account = ? AND date < ?", [account, date]).fetchone()[0]
        rows = self._db.execute("SELECT change, body FROM entry WHERE account = ? AND date = ? ORDER BY number", [account, date]).fetchall()
        entries = [msgspec.json.decode(body, type=Entry) for _, body in rows]
        return Statement(account, date, currency, before, before + sum(change for change, _ in rows), entries)

    def paid(self) -> dict[str, int]:
        """What has left, by end-to-end id: in how many bookings (1, unless the bank itself is wrong)."""
        rows = self._db.execute("SELECT end_to_end_id, count(*) FROM entry WHERE kind = 'debit' GROUP BY 1")
        return dict(rows.fetchall())

    # --- how it behaves

    def behaviour(self) -> Behaviour:
        """How the bank behaves now."""
        row = self._db.execute("SELECT value FROM setting WHERE name = 'behaviour'").fetchone()
        return Behaviour.GOOD if row is None else Behaviour(row[0])

    def delay_s(self) -> float:
        """How late a slow bank is, in seconds."""
        row = self._db.execute("SELECT value FROM setting WHERE name = 'delay_s'").fetchone()
        return 2.0 if row is None else float(row[0])

    def behave(self, behaviour: Behaviour, delay_s: float) -> None:
        """Change how the bank behaves; kept over restarts."""
        values = [("behaviour", behaviour.value), ("delay_s", str(delay_s))]
        self._db.executemany("INSERT INTO setting VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", values)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
