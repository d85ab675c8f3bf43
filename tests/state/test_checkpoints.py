"""Checkpoints: torn, foreign or too new ones are refused, and recovery is exact without any."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support.database import Database
from support.lanes import (
    CNY,
    HASH_KEY,
    START_US,
    command,
    image,
    next_lane,
    open_accounts,
    run,
    settings_for,
    start_lane,
)

from penstock.app.lane_start import capacity_of
from penstock.contracts.commands import Flag, Kind
from penstock.kit.settings import Settings
from penstock.process.lane import Lane
from penstock.state import layout as at
from penstock.state.checkpoint import Checkpointer, lane_folder
from penstock.state.checkpoint_files import canonical
from penstock.state.recovery import Recovered, recover

Harm = Callable[[Path], None]


def _busy_lane(database: Database, settings: Settings) -> Lane:
    """A lane with holds, gaps in the slots, and a checkpoint in the middle that was caught while payments went on."""
    lane = start_lane(database, settings)
    accounts = open_accounts(lane, 4, 50_000)
    checkpointer = Checkpointer(settings.home, settings.lane, 8_192, 3)
    number = 0
    for round_number in range(8):
        now_us = START_US + (round_number + 1) * 1_000_000
        checkpointer.begin(lane.state)
        for _ in range(12):
            number += 1
            payer, payee = accounts[number % 4], accounts[(number + 1) % 4]
            flags = Flag.HOLD_ONLY if number % 3 == 0 else 0
            pay = command(
                Kind.PAY, number, now_us, payer_account=payer, payee_account=payee, amount_minor=10 + number,
                currency=CNY, flags=flags,
            )  # fmt: skip
            (paid,) = run(lane, [pay], now_us)
            if flags and number % 2:
                run(lane, [command(Kind.CLEAR, 10_000 + number, now_us, ref_seq=paid["ref_seq"])], now_us)
            checkpointer.step(lane.state, lane.writer.position.digest)
        if round_number == 4:  # however slow the disk is, one checkpoint is older than the last
            _finish(checkpointer, lane)
    _finish(checkpointer, lane)
    now_us = START_US + 20_000_000
    pay = command(Kind.PAY, 99_999, now_us, payer_account=accounts[0], payee_account=accounts[1], amount_minor=1, currency=CNY)
    run(lane, [pay], now_us)
    lane.writer.close()
    return lane


def _finish(checkpointer: Checkpointer, lane: Lane) -> None:
    while checkpointer.running:
        checkpointer.step(lane.state, lane.writer.position.digest)
    checkpointer.wait()


def _flip(file: Path) -> None:
    body = bytearray(file.read_bytes())
    body[len(body) // 2] ^= 1
    file.write_bytes(bytes(body))


def _file(folder: Path, table: str) -> Path:
    """The file of a table's first piece."""
    return next(folder.glob(f"{table}-0-*"))


def _rewrite_manifest(folder: Path, **changes: object) -> None:
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text()) | changes
    manifest.pop("crc32")
    manifest["crc32"] = zlib.crc32(canonical(manifest))
    file.write_text(json.dumps(manifest))


def _records(folder: Path, segment: dict[str, Any]) -> bytes:
    packed = (folder / segment["file"]).read_bytes()
    return bytes(pa.decompress(packed, segment["raw_bytes"], "zstd", asbytes=True))


def _store(folder: Path, segment: dict[str, Any], body: bytes) -> None:
    """Put other bytes in a segment's place; its file may be shared with the checkpoint before, which must stay as it is."""
    (folder / segment["file"]).unlink()
    (folder / segment["file"]).write_bytes(body)
    segment |= {"bytes": len(body), "crc32": zlib.crc32(body)}


HARMS: dict[str, Harm] = {
    "nothing": lambda _: None,
    "flipped segment": lambda folder: _flip(_file(folder, "accounts")),
    "short segment": lambda folder: _file(folder, "purses").write_bytes(b"short"),
    "missing segment": lambda folder: _file(folder, "scalars").unlink(),
    "flipped manifest": lambda folder: _flip(folder / "manifest.json"),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "empty manifest": lambda folder: (folder / "manifest.json").write_bytes(b""),
    "above the journal": lambda folder: _rewrite_manifest(folder, seq=10**9),
    "other digest": lambda folder: _rewrite_manifest(folder, digest="00" * 32),
    "other lane": lambda folder: _rewrite_manifest(folder, lane=31_999),
    "other hash key": lambda folder: _rewrite_manifest(folder, hash_key="0" * 16),
    "other format": lambda folder: _rewrite_manifest(folder, format=3),
}


@pytest.mark.parametrize("harm", HARMS)
def test_recovery_is_byte_identical_whatever_became_of_the_newest_checkpoint(
    database: Database, home: Path, harm: str
) -> None:
    settings = settings_for(home, next_lane(), checkpoints_kept=3)
    before = image(_busy_lane(database, settings).state)
    folders = sorted(lane_folder(home, settings.lane).glob("[0-9]*"))
    assert len(folders) > 1
    HARMS[harm](folders[-1])
    again = start_lane(database, settings, START_US + 30_000_000)
    again.writer.close()
    assert image(again.state) == before


def test_recovery_needs_no_checkpoint(database: Database, home: Path) -> None:
    settings = settings_for(home, next_lane())
    before = image(_busy_lane(database, settings).state)
    shutil.rmtree(lane_folder(home, settings.lane))
    again = start_lane(database, settings, START_US + 30_000_000)
    again.writer.close()
    assert image(again.state) == before


def test_a_grown_layout_is_read_by_field_name(database: Database, home: Path) -> None:
    settings = settings_for(home, next_lane())
    before = image(_busy_lane(database, settings).state)
    newest = max(lane_folder(home, settings.lane).glob("[0-9]*"))
    old = dict(at.LAYOUT)
    old["totals"] = [*old["totals"][::-1]]  # the order of an older release
    segments = json.loads((newest / "manifest.json").read_text())["segments"]
    [segment] = [segment for segment in segments if segment["table"] == "totals"]
    records = _records(newest, segment)
    width = len(old["totals"]) * 8
    swapped = b"".join(
        b"".join(records[r + w : r + w + 8] for w in range(width - 8, -8, -8)) for r in range(0, len(records), width)
    )
    _store(newest, segment, pa.compress(swapped, "zstd", asbytes=True))
    _rewrite_manifest(newest, layout=old, layout_hash="an older release", segments=segments)
    again = start_lane(database, settings, START_US + 30_000_000)
    again.writer.close()
    assert image(again.state) == before
    assert _recover_alone(home, settings, newest).checkpoint_seq == int(newest.name)


def test_a_checkpoint_of_the_first_format_is_read(database: Database, home: Path) -> None:
    settings = settings_for(home, next_lane())
    before = image(_busy_lane(database, settings).state)
    newest = max(lane_folder(home, settings.lane).glob("[0-9]*"))
    segments = json.loads((newest / "manifest.json").read_text())["segments"]
    for segment in segments:
        _store(newest, segment, _records(newest, segment))
        del segment["raw_bytes"]
    _rewrite_manifest(newest, format=1, segments=segments)
    assert _recover_alone(home, settings, newest).checkpoint_seq == int(newest.name)
    again = start_lane(database, settings, START_US + 30_000_000)
    again.writer.close()
    assert image(again.state) == before


def test_a_checkpoint_takes_over_what_has_not_changed_and_adds_what_was_gained(database: Database, home: Path) -> None:
    settings = settings_for(home, next_lane(), checkpoints_kept=20)
    lane = start_lane(database, settings)
    accounts = open_accounts(lane, 4, 50_000)
    checkpointer = Checkpointer(settings.home, settings.lane, 1 << 20, settings.checkpoints_kept)
    files: list[list[str]] = []
    for number in range(12):
        now_us = START_US + (number + 1) * 1_000_000
        pay = command(
            Kind.PAY, number, now_us, payer_account=accounts[0], payee_account=accounts[1], amount_minor=1, currency=CNY
        )  # fmt: skip
        run(lane, [pay], now_us)
        checkpointer.begin(lane.state)
        _finish(checkpointer, lane)
        segments = _segments_at(home, settings, lane)
        files.append([segment["file"] for segment in segments if segment["table"] == "ids"])
        assert len({segment["seq"] for segment in segments}) == 1, "what is taken over is true at the same sequence"
        assert [s["file"] for s in segments if s["table"] == "customers"] == [f"customers-0-{lane.last_seq - number}.zst"]
    assert [len(found) for found in files] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3], "now and then a piece is written anew"
    assert files[3][:3] == files[2]
    assert _additions(home, settings, files[3][-1]) == 1, "one id was new"
    lane.writer.close()
    newest = max(lane_folder(home, settings.lane).glob("[0-9]*"))
    assert image(_recover_alone(home, settings, newest).state) == image(lane.state)


def _segments_at(home: Path, settings: Settings, lane: Lane) -> list[dict[str, Any]]:
    manifest = lane_folder(home, settings.lane) / f"{lane.last_seq:016d}" / "manifest.json"
    segments: list[dict[str, Any]] = json.loads(manifest.read_text())["segments"]
    return segments


def _additions(home: Path, settings: Settings, file: str) -> int:
    """How many entries of an id table a file holds."""
    newest = max(lane_folder(home, settings.lane).glob(f"*/{file}")).parent
    segments = json.loads((newest / "manifest.json").read_text())["segments"]
    [segment] = [segment for segment in segments if segment["file"] == file]
    return len(_records(newest, segment)) // (8 * (at.ID_WIDTH + 1))


def _recover_alone(home: Path, settings: Settings, newest: Path) -> Recovered:
    """What a checkpoint says without any row after it."""
    manifest = json.loads((newest / "manifest.json").read_text())
    return recover(
        home, settings.lane, capacity_of(settings), HASH_KEY, manifest["seq"],
        lambda _: bytes.fromhex(manifest["digest"]), lambda *_: iter(()), 0, 30 * 86_400_000_000,
    )  # fmt: skip


def test_a_disk_that_fails_ends_the_lane_and_not_the_waiting(database: Database, home: Path) -> None:
    settings = settings_for(home, next_lane())
    lane = start_lane(database, settings)
    open_accounts(lane, 4, 50_000)
    checkpointer = Checkpointer(settings.home, settings.lane, 1 << 20, settings.checkpoints_kept)
    checkpointer.begin(lane.state)
    shutil.rmtree(lane_folder(home, settings.lane))
    with pytest.raises(FileNotFoundError):
        _step_for_ever(checkpointer, lane)
    with pytest.raises(FileNotFoundError):
        checkpointer.wait()
    lane.writer.close()


def _step_for_ever(checkpointer: Checkpointer, lane: Lane) -> None:
    while True:
        checkpointer.step(lane.state, lane.writer.position.digest)
