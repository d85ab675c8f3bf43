"""A signed head says where the journal stood, and nobody without the key can say otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from penstock.journal.heads import BadHead, HeadSigner, check_head, load_public_key, read_heads

DAY_US = 86_400_000_000
NOW_US = 20_000 * DAY_US
DIGEST = bytes(range(32))


@pytest.fixture
def signer(tmp_path: Path) -> HeadSigner:
    return HeadSigner(tmp_path, Ed25519PrivateKey.generate())


def test_heads_are_read_back_and_their_signatures_hold(tmp_path: Path, signer: HeadSigner) -> None:
    written = [signer.sign(0, seq, DIGEST, NOW_US + seq, NOW_US + seq) for seq in (5, 9)]
    heads = read_heads(tmp_path)
    assert heads == written
    for head in heads:
        check_head(head, load_public_key(tmp_path / "public.pem"))


def test_each_day_has_its_file(tmp_path: Path, signer: HeadSigner) -> None:
    signer.sign(0, 1, DIGEST, NOW_US, NOW_US)
    signer.sign(0, 2, DIGEST, NOW_US, NOW_US + DAY_US)
    assert sorted(path.name for path in tmp_path.glob("*.jsonl")) == ["2024-10-04.jsonl", "2024-10-05.jsonl"]
    assert [head.seq for head in read_heads(tmp_path)] == [1, 2]
    assert [head.seq for head in read_heads(tmp_path / "2024-10-05.jsonl")] == [2]


def test_an_unchanged_head_is_repeated_once_a_minute(signer: HeadSigner) -> None:
    assert signer.sign(0, 5, DIGEST, 1, NOW_US) is not None
    assert signer.sign(0, 5, DIGEST, 1, NOW_US + 59_000_000) is None
    assert signer.sign(0, 5, DIGEST, 1, NOW_US + 60_000_000) is not None


@pytest.mark.parametrize("change", [{"seq": 6}, {"lane": 1}, {"digest": bytes(32)}, {"time_us": 2}])
def test_a_changed_head_is_refused(tmp_path: Path, signer: HeadSigner, change: dict[str, int | bytes]) -> None:
    head = signer.sign(0, 5, DIGEST, 1, NOW_US)
    assert head is not None
    with pytest.raises(BadHead, match="changed or signed by another key"):
        check_head(replace(head, **change), load_public_key(tmp_path / "public.pem"))


def test_what_a_crash_left_of_a_line_is_no_head_and_is_cut_off(tmp_path: Path, signer: HeadSigner) -> None:
    signer.sign(0, 5, DIGEST, 1, NOW_US)
    file = next(tmp_path.glob("*.jsonl"))
    with file.open("a", encoding="ascii") as torn:
        torn.write('{"lane":0,"seq":6')
    assert [head.seq for head in read_heads(tmp_path)] == [5]
    signer.sign(0, 7, DIGEST, 2, NOW_US)
    assert [head.seq for head in read_heads(tmp_path)] == [5, 7]


def test_a_line_that_is_no_head_is_named(tmp_path: Path, signer: HeadSigner) -> None:
    signer.sign(0, 5, DIGEST, 1, NOW_US)
    file = next(tmp_path.glob("*.jsonl"))
    file.write_text(file.read_text("utf-8") + '{"lane": 0}\n', "utf-8")
    with pytest.raises(BadHead, match="line 2: a head has exactly the keys"):
        read_heads(tmp_path)
