"""The examples as curl lines that work as printed, and as a file to keep."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from penstock.app.demo.examples import Example

IdMaker = Callable[[float], str]


def curl_line(example: Example, url: str, ca_file: Path, keys: Mapping[str, str], new_id: IdMaker) -> str:
    """One line for a shell. A command's id is fresh: the line works for a day, and then again with a new id."""
    words = ["curl", "-sS", "--cacert", str(ca_file), "-H", f"Authorization: Bearer {keys[example.key]}"]
    if example.command:
        body = {"id": new_id(example.id_offset_s), **example.body}
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    return shlex.join([*words, url + example.path])


def curl_lines(
    sections: Sequence[tuple[str, Sequence[Example]]], url: str, ca_file: Path, keys: Mapping[str, str], new_id: IdMaker
) -> list[str]:
    """All examples with a line before each that says what comes of it."""
    lines: list[str] = []
    for heading, examples in sections:
        lines += [f"# {heading}", ""]
        for example in examples:
            result = f"{example.status} {example.reason}".rstrip()
            lines += [f"# {example.title} -> {result}", curl_line(example, url, ca_file, keys, new_id), ""]
    return lines


def write_curl_file(path: Path, lines: Sequence[str]) -> None:
    """Keep the lines as a shell script that only the owner may read, because it holds keys."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(("#!/bin/sh", "# Each line works by itself; run one, or all of them.", "", *lines)) + "\n")
