"""Write a mapping as TOML with a comment for each choice."""

from __future__ import annotations

import json
from collections.abc import Mapping as Table
from typing import Any

#: What a table holds: values by key, in order. A list of tables is written as ``[[name]]``.
Values = Table[str, Any]


def toml_table(name: str, values: Values, comment: str = "", *, listed: bool = False, off: bool = False) -> str:
    """One table; ``off`` writes it as a comment that only needs its signs removed."""
    lines = [f"# {line}" for line in comment.splitlines()]
    body = [
        f"[[{name}]]" if listed else f"[{name}]",
        *(f"{key} = {toml_value(value)}" for key, value in values.items()),
    ]
    return "\n".join(lines + [f"# {line}" if off else line for line in body]) + "\n"


def toml_value(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml_value(key)} = {toml_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for one sign.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return f"{value:.10g}" if isinstance(value, float) else str(value)
