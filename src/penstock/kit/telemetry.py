"""Logging for all processes: structlog, JSON lines on standard error, with what is sensitive masked."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import structlog

#: A key whose name holds one of these words loses its value, at any depth.
_SENSITIVE: Final = (
    "authorization", "cookie", "credential", "dsn", "database_url", "metadata", "passphrase", "password",
    "reference", "secret", "signature", "token_text",
)  # fmt: skip
#: Keys that are sensitive only when they are the whole name: `key_id` and `primary_key` are not.
_SENSITIVE_NAMES: Final = frozenset({"key", "api_key", "bearer", "token", "body", "payload", "headers"})
_MASK: Final = "***"
_DEPTH: Final = 6


def set_up_logging(level: str, process: str = "") -> None:
    """Set up logging for this process: readable on a terminal, JSON lines elsewhere.

    :param level: least level that is written, such as ``info``.
    :param process: its name, in every line: ``supervisor``, ``lane``, ``edge-0``, ``keeper``; empty = none.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    on_terminal = sys.stderr.isatty()
    render: list[Any] = [structlog.dev.ConsoleRenderer()] if on_terminal else [
        structlog.processors.format_exc_info, mask_exception, structlog.processors.JSONRenderer(default=str)
    ]  # fmt: skip
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            mask_sensitive,
            *render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    if process:
        structlog.contextvars.bind_contextvars(process=process)
    logging.basicConfig(level=max(threshold, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")


def mask_sensitive(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: mask the values of sensitive keys, also inside of mappings and lists."""
    return {key: _MASK if _is_sensitive(key) else _masked(value, _DEPTH) for key, value in event.items()}


def mask_exception(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep a traceback's places but not the values that PostgreSQL puts into DETAIL lines."""
    text = event.get("exception")
    if isinstance(text, str):
        event["exception"] = "\n".join(_without_detail(line) for line in text.split("\n"))
    return event


def _without_detail(line: str) -> str:
    return f"DETAIL:  {_MASK}" if line.startswith(("DETAIL:", "CONTEXT:")) else line


def _is_sensitive(key: str) -> bool:
    name = key.lower().replace("-", "_")
    return name in _SENSITIVE_NAMES or any(word in name for word in _SENSITIVE)


def _masked(value: Any, depth: int) -> Any:
    if depth == 0:
        return _MASK
    if isinstance(value, Mapping):
        return {key: _MASK if _is_sensitive(str(key)) else _masked(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item, depth - 1) for item in value]
    return value
