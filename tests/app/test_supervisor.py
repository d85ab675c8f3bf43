"""Whatever dies is started again, and whatever is left behind is cleaned up."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.installation import Installation

from penstock.app import running
from penstock.journal.heads import check_head, load_public_key, read_heads

pytestmark = pytest.mark.timeout(500)


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    home = Path(tempfile.mkdtemp(prefix="penstock-serve-", dir="/tmp"))
    home.chmod(0o755)
    made = Installation(home)
    try:
        made.start()
        yield made
    finally:
        made.remove()
        shutil.rmtree(home)


@pytest.mark.parametrize("name", ["postgres", "keeper", "lane", "edge-0", "office"])
def test_a_killed_process_is_started_again(installation: Installation, name: str) -> None:
    killed = installation.kill(name)
    installation.wait(lambda: installation.pid(name) not in {None, killed})
    installation.wait(installation.is_ready)


def test_a_killed_supervisor_leaves_nothing_that_stands_in_the_way(installation: Installation) -> None:
    names = ("keeper", "lane", "edge-0", "office")
    old = {name: installation.pid(name) for name in (*names, "postgres")}
    installation.kill("supervisor")
    installation.start()
    for name in names:
        pid = old[name]
        assert pid is not None
        assert not psutil.pid_exists(pid), f"{name} was left behind"
    assert installation.pid("postgres") == old["postgres"], "a database that runs is used on"
    killed = installation.kill("postgres")  # which is no child of this supervisor
    installation.wait(lambda: installation.pid("postgres") not in {None, killed})
    installation.wait(installation.is_ready)


def test_a_second_supervisor_is_refused(installation: Installation) -> None:
    second = installation.run("serve")
    assert second.returncode == 2
    assert "already runs on" in second.stderr
    assert "Traceback" not in second.stderr
    assert installation.is_ready()


def test_keys_are_made_listed_and_revoked(installation: Installation) -> None:
    made = installation.run("key", "create", "--client", "shop", "--owner", "Li Wei", "--scope", "read")
    assert made.returncode == 0, made.stderr
    text = made.stdout.strip()
    assert text.startswith("psk_")
    key_id = text.split("_")[1]
    listed = installation.run("key", "list").stdout
    assert key_id in listed
    assert text not in listed
    assert installation.run("key", "revoke", key_id).returncode == 0
    again = installation.run("key", "revoke", key_id)
    assert (again.returncode, "revoked before" in again.stderr) == (2, True)


def test_the_keeper_signs_heads(installation: Installation) -> None:
    folder = installation.home / "heads"
    installation.wait(lambda: bool(read_heads(folder)))
    for head in read_heads(folder):
        check_head(head, load_public_key(folder / "public.pem"))


def test_it_stops_in_order_and_goes_on_with_the_same_data(installation: Installation) -> None:
    installation.wait(lambda: bool(read_heads(installation.home / "heads")))
    seq = read_heads(installation.home / "heads")[-1].seq
    assert installation.stop() == 0
    assert running.read_status(installation.home) is None
    assert not (installation.home / "postgres" / "postmaster.pid").exists()
    installation.start()
    installation.wait(lambda: read_heads(installation.home / "heads")[-1].seq >= seq)
