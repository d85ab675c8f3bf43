"""No bytes that anybody can send bring the reader down: it refuses, or reads payments within bounds.

In a process of its own, because what this looks for ends a process. `make fuzz` looks longer; ``PENSTOCK_SEED`` repeats
a run.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from support import mutated_streams

MUTATIONS = int(os.environ.get("PENSTOCK_MUTATIONS", "4000"))
SEED = int(os.environ.get("PENSTOCK_SEED", "0")) or secrets.randbits(32)
#: A reader that needs longer for one body of some KiB hangs.
SECONDS_EACH = 0.05


@pytest.mark.timeout(60 + MUTATIONS * SECONDS_EACH)
def test_a_damaged_stream_is_refused_or_read(tmp_path: Path) -> None:
    place = tmp_path / "number"
    place.write_bytes(bytes(8))
    command = [sys.executable, "-X", "faulthandler", "-m", "support.mutated_streams", str(SEED), "0", str(MUTATIONS), str(place)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    print(f"PENSTOCK_SEED={SEED} PENSTOCK_MUTATIONS={MUTATIONS}")  # noqa: T201 - a random run says how to repeat it
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=50 + MUTATIONS * SECONDS_EACH, check=False
        )
        failed, said = ended.returncode != 0, f"{ended.returncode}\n{ended.stdout}{ended.stderr}"
    except subprocess.TimeoutExpired:
        failed, said = True, "it hangs"
    print(said.splitlines()[-1])  # noqa: T201
    if failed:
        number = int.from_bytes(place.read_bytes(), "little")
        body = Path(tempfile.gettempdir()) / f"penstock-mutation-{SEED}-{number}.arrow"
        body.write_bytes(mutated_streams.mutation(SEED, number))
        pytest.fail(f"mutation {number} of PENSTOCK_SEED={SEED}, kept as {body}: exit status {said}")


def test_what_is_begun_with_is_taken_or_refused_as_meant() -> None:
    taken = [mutated_streams.try_one(body) for body in mutated_streams.beginnings()]
    assert taken == [True] * 6 + [False] * 4 + [True] + [False]
