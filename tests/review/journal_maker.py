"""Makes small, right journals in plain Python, by the documents alone: what the auditor is tried on.

It knows neither the engine nor the auditor. A row is a dictionary of the table's columns.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import uuid
import zlib
from copy import deepcopy
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from psycopg import Connection, sql

from penstock.contracts.commands import Flag, Kind, PaymentType
from penstock.contracts.money import BY_CODE, CURRENCIES
from penstock.contracts.policy import Policy, load_policy
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State

START_US = 1_767_323_045_000_000  # 2026-01-02 03:04:05 UTC
DAY_US = 86_400_000_000
ZEROS = bytes(32)
POLICY = """
name = "small"
time_zone = "Asia/Shanghai"
tiers = ["basic", "verified"]
hold_lifetime_s = 600
limits = [
  {tier = "basic", type = "any", currency = "CNY", single = 500000, day_amount = 2000000, day_count = 200, year_amount = 90000000},
  {tier = "basic", type = "transfer", currency = "CNY", day_amount = 1000000, month_amount = 20000000},
  {tier = "basic", type = "purchase", currency = "CNY"},
  {tier = "basic", type = "withdrawal", currency = "CNY"},
  {tier = "verified", type = "transfer", currency = "USD"},
]
fees = [
  {type = "purchase", currency = "CNY", fixed = 7, basis_points = 30, most = 2500},
  {type = "withdrawal", currency = "CNY", basis_points = 10},
]
"""
#: The table's columns in order: name and struct letter in the canonical encoding.
COLUMNS = [
    ("seq", "q"), ("time_us", "q"), ("command_id", "u"), ("fingerprint", "q"), ("payer_account", "q"),
    ("payee_account", "q"), ("amount_minor", "q"), ("held_minor", "q"), ("moved_minor", "q"), ("fee_minor", "q"),
    ("limit_minor", "q"), ("ref_seq", "q"), ("ref_prev_seq", "q"), ("payer_prev_seq", "q"), ("payee_prev_seq", "q"),
    ("fee_prev_seq", "q"), ("expires_us", "q"), ("rules_fired", "q"), ("side_hash", "32s"), ("client", "i"),
    ("customer", "i"), ("purse", "i"), ("business_day", "i"), ("limit_day", "i"), ("policy_version", "i"),
    ("pack_version", "i"), ("model_version", "i"), ("approval_1", "i"), ("approval_2", "i"), ("approval_3", "i"),
    ("score", "f"), ("lane", "h"), ("kind", "h"), ("state", "h"), ("reason", "h"), ("payment_type", "h"),
    ("currency", "h"), ("tier", "h"), ("limit_count", "h"), ("verification", "h"), ("factors", "h"),
    ("feature_registry", "h"), ("flags", "h"),
]  # fmt: skip
Row = dict[str, Any]


def encode(row: Row) -> bytes:
    """The canonical 256 bytes of a row."""
    encoded = b""
    for name, letter in COLUMNS:
        if letter == "u":
            number = row[name].int
            encoded += (number >> 64).to_bytes(8, "little") + (number & (2**64 - 1)).to_bytes(8, "little")
        else:
            encoded += struct.pack(f"<{letter}", row[name])
    assert len(encoded) == 256
    return encoded


def digest_of(batch: list[Row], before: bytes, lane: int) -> bytes:
    """The digest of a batch."""
    header = struct.pack("<8sBhqq", b"penstock", 1, lane, batch[0]["seq"], batch[-1]["seq"]) + before
    features = b"".join(row["features"] for row in batch if row["feature_registry"] > 0)
    return hashlib.sha256(header + b"".join(map(encode, batch)) + features).digest()


class JournalMaker:
    """A journal that grows by calls; ``batches`` lists of rows, ``sides`` sequence → body."""

    def __init__(self, lane: int = 0, policy: str = POLICY) -> None:
        self.lane = lane
        self.batches: list[list[Row]] = []
        self.sides: dict[int, bytes] = {}
        self.now_us = START_US
        self._batch: list[Row] = []
        self._seq = 0
        self._last: dict[int, int] = {}  # account → last row of its history
        self.accounts: dict[int, dict[str, int]] = {}
        self.customers: list[dict[str, int]] = []
        self.purses: dict[tuple[int, str], int] = {}
        self.payments: dict[int, dict[str, int]] = {}
        self.version = 0
        self.publish(load_policy(policy))
        for currency in CURRENCIES:
            for _ in range(3):
                self._open(0, currency.code, 0, 0, 0)

    # --- what a lane is asked to do

    def publish(self, policy: Policy) -> int:
        """Publish a policy."""
        self.policy = policy
        self.version += 1
        return self._add(Kind.PUBLISH, State.DONE, side=policy.canonical())

    def open_customer(self, tier: int = 0, client: int = 1) -> int:
        """Open a customer; its number."""
        self.customers.append({"tier": tier, "client": client})
        self._add(Kind.OPEN_CUSTOMER, State.DONE, customer=len(self.customers), tier=tier, client=client)
        return len(self.customers)

    def open_account(self, customer: int, code: str = "CNY") -> int:
        """Open an account; its number."""
        purse = self.purses.setdefault((customer, code), len(self.purses) + 1)
        owner = self.customers[customer - 1]
        return self._open(customer, code, purse, owner["tier"], owner["client"])

    def fund(self, tier: int = 0, amount: int = 1_000_000, code: str = "CNY") -> int:
        """Open a customer with a funded account; the account's number."""
        account = self.open_account(self.open_customer(tier), code)
        self.deposit(account, amount)
        return account

    def deposit(self, account: int, amount: int, side: bytes = b"") -> int:
        """Deposit money."""
        code = self.accounts[account]["currency"]
        payer = 3 * self._slot(code) + 1
        return self._add(
            Kind.DEPOSIT, State.DONE, payer_account=payer, payee_account=account, amount_minor=amount,
            moved_minor=amount, currency=code, client=self._owner(account)["client"], side=side,
        )  # fmt: skip

    def pay(
        self, payer: int, payee: int, amount: int, kind: PaymentType = PaymentType.TRANSFER, side: bytes = b""
    ) -> int:
        """Pay in one step."""
        return self._spend(Kind.PAY, payer, payee, amount, kind, side)

    def withdraw(self, payer: int, amount: int) -> int:
        """Withdraw."""
        settlement = 3 * self._slot(self.accounts[payer]["currency"]) + 1
        return self._spend(Kind.WITHDRAW, payer, settlement, amount, PaymentType.WITHDRAWAL, b"")

    def hold(
        self,
        payer: int,
        payee: int,
        amount: int,
        kind: PaymentType = PaymentType.TRANSFER,
        lifetime_us: int = 600_000_000,
    ) -> int:
        """Authorise; the payment's first row."""
        fee = self._fee(kind, self.accounts[payer]["currency"], amount)
        row = {**self._payer(payer), "payee_account": payee, "payment_type": kind, "amount_minor": amount}
        seq = self._add(
            Kind.PAY, State.HELD, **row, held_minor=amount + fee, flags=Flag.HOLD_ONLY, limit_minor=amount,
            limit_count=1, limit_day=self._day(), expires_us=self.now_us + 1000 + lifetime_us,
        )  # fmt: skip
        self.payments[seq] = {
            "payer": payer, "payee": payee, "kind": kind, "amount": amount, "fee": fee, "cleared": 0, "released": 0,
            "last": seq, "day": self._day(), "state": State.HELD, "expires": self.now_us + lifetime_us,
        }  # fmt: skip
        return seq

    def clear(self, payment: int, amount: int = 0, *, release_rest: bool = False) -> int:
        """Clear a part or all of a hold."""
        rest = self._rest(payment)
        moved = amount or rest
        given = rest - moved if release_rest else 0
        flags = Flag.RELEASE_REST if release_rest else 0
        return self._follow(Kind.CLEAR, payment, amount, moved, given, flags=flags)

    def release(self, payment: int, amount: int = 0) -> int:
        """Give back a part or all of a hold."""
        return self._follow(Kind.RELEASE, payment, amount, 0, amount or self._rest(payment))

    def cancel(self, payment: int) -> int:
        """Cancel a hold."""
        return self._follow(Kind.CANCEL, payment, 0, 0, self._rest(payment))

    def expire(self, payment: int) -> int:
        """Let a hold run out, at its time."""
        self.now_us = max(self.now_us, self.payments[payment]["expires"])
        return self._follow(Kind.EXPIRE, payment, 0, 0, self._rest(payment), client=0)

    def decline(self, payer: int, payee: int, amount: int, reason: Reason = Reason.INSUFFICIENT_FUNDS) -> int:
        """Refuse a payment."""
        return self._add(
            Kind.PAY, State.DECLINED, **self._payer(payer), payee_account=payee, amount_minor=amount, reason=reason,
            payment_type=PaymentType.TRANSFER,
        )  # fmt: skip

    def refuse(self, kind: Kind, payment: int, reason: Reason, client: int = 1, amount: int = 0) -> int:
        """Refuse a follow-up."""
        return self._add(kind, State.DECLINED, ref_seq=payment, reason=reason, client=client, amount_minor=amount)

    def commit(self) -> None:
        """End the batch."""
        if self._batch:
            self.batches.append(self._batch)
            self._batch = []

    def wait(self, microseconds: int) -> None:
        """Let time pass."""
        self.now_us += microseconds

    # --- what comes of it

    @property
    def rows(self) -> list[Row]:
        """All rows of committed batches."""
        return [row for batch in self.batches for row in batch]

    def row(self, seq: int) -> Row:
        """One row, to look at or to spoil."""
        return next(row for row in self.rows if row["seq"] == seq)

    def digests(self) -> list[bytes]:
        """The digest of each batch."""
        digests = [ZEROS]
        for batch in self.batches:
            digests.append(digest_of(batch, digests[-1], self.lane))
        return digests[1:]

    def copy(self) -> JournalMaker:
        """Another journal with the same rows."""
        return deepcopy(self)

    def store(self, connection: Connection[Any]) -> None:
        """Write everything into an empty, migrated database; the connection must be a superuser's."""
        digests = self.digests()
        names = [name for name, _ in COLUMNS] + ["features"]
        columns = sql.SQL(", ").join(map(sql.Identifier, names))
        with connection.cursor() as cursor:
            with cursor.copy(sql.SQL("COPY journal ({}) FROM STDIN").format(columns)) as copy:
                for row in self.rows:
                    copy.write_row([row[name] for name in names])
            for batch, digest in zip(self.batches, digests, strict=True):
                values = self.lane, batch[0]["seq"], batch[-1]["seq"], 1, 1, digest
                cursor.execute("INSERT INTO journal_batch VALUES (%s, %s, %s, %s, %s, %s)", values)
            cursor.executemany(
                "INSERT INTO journal_side VALUES (%s, %s, %s)", [(self.lane, s, body) for s, body in self.sides.items()]
            )
            last = self.rows[-1]
            values = self.lane, 1, last["seq"], digests[-1], last["time_us"]
            cursor.execute("INSERT INTO lane VALUES (%s, %s, %s, %s, %s)", values)
        connection.commit()

    def sign_heads(self, home: Path) -> None:
        """Write a signed head for each batch."""
        key = Ed25519PrivateKey.generate()
        public = key.public_key()
        folder = home / "heads"
        folder.mkdir(exist_ok=True)
        name = hashlib.sha256(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]
        (folder / "public.pem").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        lines = []
        for batch, digest in zip(self.batches, self.digests(), strict=True):
            seq, time_us = batch[-1]["seq"], batch[-1]["time_us"]
            message = f"penstock-head:{self.lane}:{seq}:{digest.hex()}:{time_us}".encode()
            head = {
                "lane": self.lane, "seq": seq, "digest": digest.hex(), "time_us": time_us, "key": name,
                "signature": base64.b64encode(key.sign(message)).decode(),
            }  # fmt: skip
            lines.append(json.dumps(head))
        (folder / "2026-01-02.jsonl").write_text("\n".join(lines) + "\n")

    # --- inside

    def _add(self, kind: Kind, state: State, *, side: bytes = b"", client: int | None = None, **values: Any) -> int:
        self._seq += 1
        self.now_us += 1000
        own = kind in {Kind.PUBLISH, Kind.EXPIRE} or (kind == Kind.OPEN_ACCOUNT and values["customer"] == 0)
        row: Row = {name: 0 for name, _ in COLUMNS} | {"side_hash": ZEROS, "score": 0.0, "features": None}
        row |= {
            "seq": self._seq, "time_us": self.now_us, "lane": self.lane, "kind": kind, "state": state,
            "fingerprint": self._seq * 7919, "policy_version": self.version, "business_day": self._day(),
            "client": 0 if own else 1 if client is None else client,
            "command_id": uuid.UUID(int=8 << 76 | 2 << 62 | self._seq) if own else self._new_id(),
        }  # fmt: skip
        row |= {name: int(value) if not isinstance(value, bytes) else value for name, value in values.items()}
        if side:
            self.sides[self._seq] = side
            row["side_hash"] = hashlib.sha256(side).digest()
        self._link(row)
        self._batch.append(row)
        return self._seq

    def _link(self, row: Row) -> None:
        fees = 3 * self._slot(row["currency"]) + 2 if row["fee_minor"] > 0 else 0
        roles = {
            "payer": row["payer_account"], "payee": row["payee_account"] if row["moved_minor"] > 0 else 0, "fee": fees,
        }  # fmt: skip
        for role, account in roles.items():
            if account > 0:
                row[f"{role}_prev_seq"] = self._last.get(account, 0)
        self._last |= {account: row["seq"] for account in roles.values() if account > 0}
        if row["payer_account"] > 0 and row["payer_account"] in self.accounts:
            payer = self.accounts[row["payer_account"]]
            payer["held"] += row["held_minor"]
            payer["available"] -= row["held_minor"] + row["moved_minor"] + row["fee_minor"]
        if row["moved_minor"] > 0:
            self.accounts[row["payee_account"]]["available"] += row["moved_minor"]
        if fees:
            self.accounts[fees]["available"] += row["fee_minor"]

    def _open(self, customer: int, code: str, purse: int, tier: int, client: int) -> int:
        number, currency = len(self.accounts) + 1, BY_CODE[code].numeric
        self.accounts[number] = {"customer": customer, "purse": purse, "currency": currency, "available": 0, "held": 0}
        seq = self._add(
            Kind.OPEN_ACCOUNT, State.DONE, payee_account=number, customer=customer, purse=purse, currency=currency,
            tier=tier, client=client,
        )  # fmt: skip
        self._last[number] = self.accounts[number]["opened"] = seq
        return number

    def _spend(self, command: Kind, payer: int, payee: int, amount: int, kind: PaymentType, side: bytes) -> int:
        fee = self._fee(kind, self.accounts[payer]["currency"], amount)
        return self._add(
            command, State.CLEARED, **self._payer(payer), payee_account=payee, payment_type=kind, amount_minor=amount,
            moved_minor=amount, fee_minor=fee, limit_minor=amount, limit_count=1, limit_day=self._day(), side=side,
        )  # fmt: skip

    def _follow(
        self,
        command: Kind,
        payment: int,
        asked: int,
        moved: int,
        given: int,
        *,
        flags: int = 0,
        client: int | None = None,
    ) -> int:
        hold = self.payments[payment]
        before, taken = self._frozen(hold), self._taken(hold)
        hold["cleared"] += moved
        hold["released"] += given
        still = self._frozen(hold)
        ended = {Kind.RELEASE: State.RELEASED, Kind.CANCEL: State.CANCELLED, Kind.EXPIRE: State.EXPIRED}
        state = State.HELD if still else State.CLEARED if hold["cleared"] else ended[command]
        seq = self._add(
            command, state, **self._payer(hold["payer"]) | {"client": client}, payee_account=hold["payee"],
            payment_type=hold["kind"], amount_minor=asked, moved_minor=moved, fee_minor=self._taken(hold) - taken,
            held_minor=still - before, limit_minor=-given, limit_day=hold["day"] if given else 0, ref_seq=payment,
            limit_count=-1 if not still and not hold["cleared"] else 0, ref_prev_seq=hold["last"], flags=flags,
        )  # fmt: skip
        hold["last"], hold["state"] = seq, state
        return seq

    def _payer(self, account: int) -> dict[str, Any]:
        known = self.accounts[account]
        owner = self._owner(account)
        return {
            "payer_account": account, "customer": known["customer"], "purse": known["purse"], "tier": owner["tier"],
            "currency": known["currency"], "client": owner["client"],
        }  # fmt: skip

    def _owner(self, account: int) -> dict[str, int]:
        return self.customers[self.accounts[account]["customer"] - 1]

    def _rest(self, payment: int) -> int:
        hold = self.payments[payment]
        return hold["amount"] - hold["cleared"] - hold["released"]

    @staticmethod
    def _taken(hold: dict[str, int]) -> int:
        return hold["fee"] * hold["cleared"] // hold["amount"]

    def _frozen(self, hold: dict[str, int]) -> int:
        rest = hold["amount"] - hold["cleared"] - hold["released"]
        return (
            rest + hold["fee"] * (hold["amount"] - hold["released"]) // hold["amount"] - self._taken(hold)
            if rest
            else 0
        )

    def _fee(self, kind: PaymentType, numeric: int, amount: int) -> int:
        code = next(c.code for c in CURRENCIES if c.numeric == numeric)
        for rule in self.policy.fees:
            if rule.type == kind.name.lower() and rule.currency == code:
                return min(rule.most, rule.fixed + (amount * rule.basis_points + 5000) // 10000)
        return 0

    @staticmethod
    def _slot(numeric: int) -> int:
        return next(c.slot for c in CURRENCIES if c.numeric == numeric)

    def _day(self) -> int:
        return (self.now_us + 8 * 3_600_000_000) // DAY_US  # Asia/Shanghai has no summer time

    def _new_id(self) -> uuid.UUID:
        milliseconds = self.now_us // 1000
        return uuid.UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | self._seq * 2654435761 % 2**61)


def crc_of(value: Any) -> int:
    """CRC-32 of the canonical JSON of a value."""
    return zlib.crc32(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def write_checkpoint(home: Path, journal: JournalMaker, tables: dict[str, tuple[list[str], list[list[int]]]]) -> Path:
    """Write a checkpoint at the journal's end: table → columns and records (record 0 is unused)."""
    seq = journal.rows[-1]["seq"]
    folder = home / "checkpoints" / f"lane-{journal.lane}" / f"{seq:016d}"
    folder.mkdir(parents=True)
    segments = []
    for table, (_, records) in tables.items():
        body = b"".join(struct.pack(f"<{len(record)}q", *record) for record in records)
        (folder / f"{table}-0.bin").write_bytes(body)
        segments.append({
            "table": table, "first": 0, "count": len(records), "seq": seq, "file": f"{table}-0.bin", "bytes": len(body),
            "crc32": zlib.crc32(body),
        })  # fmt: skip
    layout = {table: columns for table, (columns, _) in tables.items()}
    layout_hash = hashlib.sha256(json.dumps(layout, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    manifest = {
        "format": 1, "lane": journal.lane, "seq": seq, "digest": journal.digests()[-1].hex(),
        "time_us": journal.rows[-1]["time_us"], "layout": layout, "layout_hash": layout_hash, "segments": segments,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps({**manifest, "crc32": crc_of(manifest)}))
    return folder
