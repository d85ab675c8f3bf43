"""Keys are made once, kept private, and in production never made by themselves."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from penstock.kit.secrets import BadSecret, SecretFolder


def test_what_is_made_is_kept(tmp_path: Path) -> None:
    first, second = (SecretFolder(tmp_path / "secrets", may_make=True) for _ in range(2))
    assert first.public_id_key() == second.public_id_key()
    assert first.lane_hash_key() == second.lane_hash_key()
    assert first.head_key().public_key() == second.head_key().public_key()
    assert first.database_password("a") == second.database_password("a") != first.database_password("b")
    assert -(2**63) <= first.lane_hash_key() < 2**63


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    SecretFolder(folder, may_make=True).make_all(("penstock_lane",))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert len(list(folder.iterdir())) == 6


def test_production_makes_none(tmp_path: Path) -> None:
    with pytest.raises(BadSecret, match=r"public-id.key is missing; production makes no keys"):
        SecretFolder(tmp_path, may_make=False).make_all(())
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    secrets = SecretFolder(tmp_path, may_make=True)
    secrets.public_id_key()
    (tmp_path / "public-id.key").chmod(0o644)
    with pytest.raises(BadSecret, match="chmod 600"):
        secrets.public_id_key()


@pytest.mark.parametrize(("name", "content"), [("public-id.key", b"short"), ("head-signing.pem", b"no key"), ("database-x", b" \n")])
def test_a_file_with_something_else_in_it_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / name).chmod(0o600)
    secrets = SecretFolder(tmp_path, may_make=True)
    with pytest.raises(BadSecret, match=name):
        {"public-id.key": secrets.public_id_key, "head-signing.pem": secrets.head_key}.get(
            name, lambda: secrets.database_password("x")
        )()
