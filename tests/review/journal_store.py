"""Where a made journal goes: into a database, and its heads and checkpoints beside it."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from psycopg import Connection
from review.journal_maker import JournalMaker
from review.journal_rows import sheet_of

#: As many rows as fit into a sheet, whether they have vectors or not.
SHEET_ROWS = 17


def store_journal(connection: Connection[Any], journal: JournalMaker) -> None:
    """Write everything into an empty, migrated database; the connection must be a superuser's."""
    with connection.cursor() as cursor, cursor.copy("COPY journal_sheet (lane, first_seq, rows, records) FROM STDIN") as copy:
        for batch in journal.batches:
            for start in range(0, len(batch), SHEET_ROWS):
                copy.write_row([journal.lane, *sheet_of(batch[start : start + SHEET_ROWS])])
    store_the_rest(connection, journal)


def store_the_rest(connection: Connection[Any], journal: JournalMaker) -> None:
    """Write what belongs to the rows: batches, side records, the lane's own record."""
    digests = journal.digests()
    with connection.cursor() as cursor:
        for batch, digest in zip(journal.batches, digests, strict=True):
            values = journal.lane, batch[0]["seq"], batch[-1]["seq"], 1, 1, digest
            cursor.execute("INSERT INTO journal_batch VALUES (%s, %s, %s, %s, %s, %s)", values)
        cursor.executemany(
            "INSERT INTO journal_side VALUES (%s, %s, %s)", [(journal.lane, s, body) for s, body in journal.sides.items()]
        )
        last = journal.rows[-1]
        values = journal.lane, 1, last["seq"], digests[-1], last["time_us"]
        cursor.execute("INSERT INTO lane VALUES (%s, %s, %s, %s, %s)", values)
    connection.commit()


def sign_heads(home: Path, journal: JournalMaker) -> None:
    """Write a signed head for each batch."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key()
    folder = home / "heads"
    folder.mkdir(exist_ok=True)
    name = hashlib.sha256(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]
    (folder / "public.pem").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    lines = []
    for batch, digest in zip(journal.batches, journal.digests(), strict=True):
        seq, time_us = batch[-1]["seq"], batch[-1]["time_us"]
        message = f"penstock-head:{journal.lane}:{seq}:{digest.hex()}:{time_us}".encode()
        head = {
            "lane": journal.lane, "seq": seq, "digest": digest.hex(), "time_us": time_us, "key": name,
            "signature": base64.b64encode(key.sign(message)).decode(),
        }  # fmt: skip
        lines.append(json.dumps(head))
    (folder / "2026-01-02.jsonl").write_text("\n".join(lines) + "\n")


def crc_of(value: Any) -> int:
    """CRC-32 of the canonical JSON of a value."""
    return zlib.crc32(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def write_checkpoint(
    home: Path, journal: JournalMaker, tables: dict[str, tuple[list[str], list[list[int]]]], form: int = 2
) -> Path:
    """Write a checkpoint of a format at the journal's end: table → columns and records (record 0 is unused)."""
    seq = journal.rows[-1]["seq"]
    folder = home / "checkpoints" / f"lane-{journal.lane}" / f"{seq:016d}"
    folder.mkdir(parents=True)
    segments = []
    for table, (_, records) in tables.items():
        raw = b"".join(struct.pack(f"<{len(record)}q", *record) for record in records)
        body = raw if form == 1 else pa.compress(raw, "zstd", asbytes=True)
        (folder / f"{table}-0.bin").write_bytes(body)
        segments.append({
            "table": table, "first": 0, "count": len(records), "seq": seq, "file": f"{table}-0.bin", "bytes": len(body),
            "crc32": zlib.crc32(body), **({} if form == 1 else {"raw_bytes": len(raw)}),
        })  # fmt: skip
    layout = {table: columns for table, (columns, _) in tables.items()}
    layout_hash = hashlib.sha256(json.dumps(layout, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    manifest = {
        "format": form, "lane": journal.lane, "seq": seq, "digest": journal.digests()[-1].hex(),
        "time_us": journal.rows[-1]["time_us"], "layout": layout, "layout_hash": layout_hash, "segments": segments,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps({**manifest, "crc32": crc_of(manifest)}))
    return folder
