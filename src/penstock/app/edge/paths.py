"""Which route a path may be: hot routes whose path names something have one form, ``/v1/payments/pay_…/clear``."""

from __future__ import annotations

from typing import Final

#: What the path of a command may name, by its place in the path.
_NAMED: Final = {"payments": "{payment}", "accounts": "{account}", "customers": "{customer}", "models": "{model}"}
_NAMING_PARTS: Final = 5


def route_of(path: str) -> tuple[str, str]:
    """The hot route that a path may be, and what it names (or empty)."""
    parts = path.split("/")
    if len(parts) == _NAMING_PARTS and parts[2] in _NAMED:
        return f"/v1/{parts[2]}/{_NAMED[parts[2]]}/{parts[4]}", parts[3]
    return path, ""
