"""Every limit and choice of Penstock in one table: name, default, unit, bounds, sentence.

``docs/settings.md`` is this table, and a test compares the two. Values come from the defaults, then
``penstock.toml`` in ``PENSTOCK_HOME``, then environment variables (``PENSTOCK_`` + name in capitals).
The values that production refuses are in ``refuse_in_production``, all of them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any


class BadSetting(ValueError):
    """A setting is unknown or out of bounds; the message says which, and what is allowed."""


def _setting(default: Any, unit: str, sentence: str, least: float | None = None, most: float | None = None) -> Any:
    return field(default=default, metadata={"unit": unit, "sentence": sentence, "least": least, "most": most})


@dataclass(frozen=True)
class Settings:
    """The settings in force. All sizes are caps that are enforced; reaching one is a documented answer."""

    home: Path = _setting(Path("var"), "folder", "where data, secrets, heads and checkpoints lie")
    profile: str = _setting("development", "development | production", "production refuses unsafe settings")
    database_url: str = _setting("", "URL", "PostgreSQL of your own; empty = the embedded server")
    lane: int = _setting(0, "number", "the lane that this process runs", 0, 32_000)
    host: str = _setting("127.0.0.1", "address", "where the edge listens")
    port: int = _setting(8443, "TCP port", "where the edge listens", 1, 65_535)
    edges: int = _setting(1, "processes", "edge processes, on ports counted up from `port`", 1, 64)
    tls_certificate: str = _setting("", "PEM file", "server certificate; empty = made for development")
    tls_key: str = _setting("", "PEM file", "key of the server certificate")
    log_level: str = _setting("info", "debug | info | warning | error", "least level that is logged")
    policy_file: str = _setting("", "TOML file", "policy to publish at start; empty = the shipped defaults")
    sandbox: int = _setting(0, "0 or 1", "1 = references `sandbox:…` force outcomes, see docs/sandbox.md; production refuses it", 0, 1)
    bank_url: str = _setting("", "URL", "the bank's service, see docs/rails.md; empty = no bank is connected")
    bank_account: str = _setting("PENSTOCK", "text", "our accounts at the bank are called this, `-` and the currency")
    bank_name: str = _setting("Penstock", "text", "whose the accounts at the bank are: the debtor of our credit transfers")
    bank_agent: str = _setting("PENSBANK", "text", "the bank that holds them: the debtor's agent")
    bank_timeout_s: float = _setting(10.0, "seconds", "longest wait for an answer of the bank; beyond: outcome unknown, it is asked again", 0.1, 300)
    bank_look_s: float = _setting(2.0, "seconds", "pause between two looks at the bank's notifications, and first pause before an unknown outcome is asked for", 0.05, 3600)
    bank_longest_pause_s: float = _setting(60.0, "seconds", "longest pause between two questions about one credit transfer", 0.1, 86_400)
    bank_requests: int = _setting(8, "requests", "to the bank at once; further ones wait their turn", 1, 256)
    bank_workflow_days: int = _setting(7, "days", "the steps of a workflow with the bank are kept so long after it has ended", 1, 3_660)
    bank_statement_delay_s: float = _setting(1800.0, "seconds", "after midnight UTC the statement of the day before is fetched so late", 0, 86_400)

    customers_max: int = _setting(2_000_000, "customers", "beyond: customers_full", 16, 2**31 - 1)
    accounts_max: int = _setting(2_000_000, "accounts", "beyond: accounts_full", 64, 2**31 - 1)
    holds_max: int = _setting(1_000_000, "holds", "open holds of the lane; beyond: holds_full", 16, 2**26)
    own_limits_max: int = _setting(100_000, "limits", "limits of single customers; beyond: own_limits_full", 16, 2**26)
    entities_max: int = _setting(400_000, "entities", "devices, networks, places and the like that are remembered; beyond, the longest unused are forgotten", 64, 2**30)
    pairs_max: int = _setting(1_000_000, "pairs", "pairs of a payer and a payee, device, network or place that are remembered", 64, 2**31)
    labels_max: int = _setting(200_000, "labels", "payments that carry a label; beyond: labels_full", 16, 2**27)
    holds_per_account: int = _setting(10_000, "holds", "open holds of one payer; beyond: too_many_holds", 1, 2**26)
    partition_rows: int = _setting(8_000_000, "rows", "journal rows per partition", 1_000, 2**27)
    batch_rows: int = _setting(8_192, "commands", "most commands in one commit", 1, 65_536)
    expiries_per_batch: int = _setting(1_000, "rows", "most expiries in one commit; the rest follow in the next", 1, 65_536)
    ring_slots: int = _setting(32_768, "commands", "waiting at one edge; beyond: 429", 64, 2**20)
    lane_wait_s: float = _setting(0.15, "seconds", "what an edge sends waits for the lane so long at most, when the lane gets more than it can do; beyond: 429", 0.001, 60)
    lane_patience_s: float = _setting(0.5, "seconds", "so long waits must stay above `lane_wait_s` before an edge refuses; shorter bursts wait in the ring", 0.01, 60)
    payload_bytes: int = _setting(1_024, "bytes", "longest side record (reference and metadata) of a command", 256, 65_536)
    commit_retry_s: float = _setting(10.0, "seconds", "how long a lost database is retried before the lane gives up", 0, 600)
    clock_jump_s: float = _setting(300.0, "seconds", "a clock that jumps further stops the lane", 1, 86_400)
    id_age_s: int = _setting(86_400, "seconds", "oldest id that may start a command", 60, 30 * 86_400)
    id_ahead_s: float = _setting(5.0, "seconds", "how far an id's time may lie ahead", 0, 300)
    old_ids_per_second: int = _setting(200, "commands/s", "ids looked up in closed partitions, per edge; beyond: 429", 1, 100_000)
    checkpoint_interval_s: float = _setting(20.0, "seconds", "pause between checkpoints", 0.05, 86_400)
    checkpoints_kept: int = _setting(2, "checkpoints", "older ones are deleted", 1, 100)
    checkpoint_step_bytes: int = _setting(8 << 20, "bytes", "copied between two batches while a checkpoint runs", 4096, 1 << 30)
    checkpoint_bytes_per_second: int = _setting(192 << 20, "bytes/s", "copied of the memory for a checkpoint at most, so that payments and their journal have time", 1 << 20, 1 << 40)
    head_interval_s: float = _setting(1.0, "seconds", "pause between signed heads", 0.1, 3600)
    quiet_rows_per_second: float = _setting(20_000.0, "rows/s", "below this speed of the lane closed partitions are frozen (VACUUM)", 0, 1e9)
    quiet_s: float = _setting(120.0, "seconds", "so long the lane must have been that slow; a busy disk slows it for a while, and freezing would add to that", 0, 86_400)
    unfrozen_partitions_max: int = _setting(16, "partitions", "closed ones that wait for that; beyond, they are frozen however busy the lane is", 0, 1_000)
    partitions_ahead: int = _setting(2, "partitions", "attached before they are needed", 1, 64)

    body_bytes: int = _setting(4 << 20, "bytes", "largest request body; beyond: 413", 1_024, 1 << 28)
    model_bytes_max: int = _setting(32 << 20, "bytes", "largest body of a model's upload, in base64 as it is sent; beyond: 413", 1_024, 1 << 28)
    models_max: int = _setting(1_000, "models", "stored, for ever; beyond: 409", 1, 100_000)
    batch_commands: int = _setting(5_000, "commands", "most in one batch request; beyond: 413", 1, 100_000)
    page_entries: int = _setting(200, "entries", "largest page of a history", 1, 10_000)
    requests_per_second: float = _setting(10_000.0, "requests/s", "of one API client at one edge; beyond: 429", 1, 1e9)
    reply_timeout_s: float = _setting(10.0, "seconds", "an edge waits so long for the lane; beyond: 503, retry with the same id", 0.1, 600)
    request_timeout_s: float = _setting(10.0, "seconds", "a request must have arrived, and its answer been taken, within so long", 0.5, 600)
    idle_s: int = _setting(75, "seconds", "a connection without requests is closed after so long", 1, 3600)
    connections: int = _setting(2_000, "connections", "open at one edge; beyond: 503", 8, 100_000)
    approval_ttl_s: int = _setting(72_000, "seconds", "an approval request lapses so long after its command id was made; below id_age_s", 30, 30 * 86_400)
    approvals_open_max: int = _setting(1_000, "requests", "wait for approval in a lane; beyond: 429", 1, 100_000)
    idempotency_days: int = _setting(30, "days", "an Idempotency-Key is known for so long", 1, 3_660)
    idempotency_per_second: float = _setting(200.0, "requests/s", "with an Idempotency-Key, of one API client at one edge; beyond: 429", 0.1, 1e6)
    review_claim_s: int = _setting(900, "seconds", "a reviewer's claim ends by itself after so long", 10, 86_400)
    review_soon_s: int = _setting(1_800, "seconds", "reviews whose deadline is so near come first", 0, 86_400)
    review_prior_basis_points: int = _setting(50, "1/10,000 of the amount", "expected loss of a review that no model has scored", 1, 10_000)
    review_rates: str = _setting("CNY=100,USD=720,EUR=780,HKD=92,JPY=480", "fen for 100 minor units", "by which expected losses are compared; no money is converted by it")
    duplicate_window_s: int = _setting(600, "seconds", "two equal payments with the same reference within so long are taken for a duplicate", 1, 86_400)
    duplicate_bare_window_s: int = _setting(60, "seconds", "the same without a reference; at most duplicate_window_s counts", 0, 86_400)
    duplicate_recent_rows: int = _setting(1 << 27, "rows", "journal rows of `duplicate_window_s` that are kept in memory to find duplicates, 20 bytes each, rounded down to a power of two", 1 << 18, 1 << 30)
    rail_answer_s: int = _setting(3_600, "seconds", "a payment at the bank without an answer for so long is stuck", 1, 30 * 86_400)
    tail_rows: int = _setting(20_000, "rows", "most journal rows that are read at once for the tails", 1, 100_000)
    tail_handled_rows: int = _setting(2_000, "rows", "most of those that a tail wants that it handles in one transaction; more at once are a burst that payments feel", 1, 100_000)
    tail_busy_rows_per_second: float = _setting(1_000.0, "rows/s", "above this speed of the lane the reader of the tails, and the tails, rest between", 0, 1e9)
    tail_share: float = _setting(0.2, "of the time", "how much the reader works then, and how much all tails that have something to do", 0.001, 1)
    event_scan_rows: int = _setting(50_000, "rows", "journal rows that one request for events looks at, at most", 1_000, 10_000_000)
    event_wait_s: float = _setting(30.0, "seconds", "longest `wait_s` of a request for events", 0, 300)
    event_look_s: float = _setting(0.2, "seconds", "pause between two looks for new events while requests wait", 0.01, 10)
    event_polls: int = _setting(4, "requests", "for events, of one API client, that wait at one edge; beyond: 429", 1, 1_000)
    webhooks_per_client: int = _setting(16, "webhooks", "of one API client; beyond: 409", 1, 1_000)
    webhook_private_addresses: int = _setting(0, "0 or 1", "1 = webhooks may go to private addresses and over http; production refuses it", 0, 1)
    webhook_ca_file: str = _setting("", "PEM file", "certificates that webhooks trust beside the public ones; empty = none")
    webhook_timeout_s: float = _setting(15.0, "seconds", "a delivery is answered within so long, or has failed", 0.1, 120)
    webhook_concurrency: int = _setting(32, "deliveries", "under way at once", 1, 1_000)
    webhook_share: int = _setting(8, "deliveries", "under way at once to one endpoint", 1, 1_000)
    webhook_first_retry_s: float = _setting(5.0, "seconds", "pause before the first retry; each further one is four times as long", 0.01, 3600)
    webhook_longest_pause_s: float = _setting(43_200.0, "seconds", "longest pause between two tries of one delivery", 0.01, 604_800)
    webhook_give_up_s: float = _setting(259_200.0, "seconds", "a delivery is tried for so long; an endpoint that fails for so long is disabled", 0.01, 2_592_000)
    webhook_backlog: int = _setting(100_000, "deliveries", "waiting for one endpoint; beyond, it is disabled", 1, 10_000_000)
    webhook_kept_days: float = _setting(30.0, "days", "a delivery can be seen and sent again for so long", 0.001, 3_660)
    webhook_overlap_s: float = _setting(86_400.0, "seconds", "a rotated secret signs on for so long, if nothing else is said", 0, 604_800)
    key_refresh_s: float = _setting(1.0, "seconds", "a revoked key works at most so long", 0.1, 60)


def describe() -> list[tuple[str, str, str, str]]:
    """The table: name, default, unit, sentence."""
    return [(f.name, str(f.default), f.metadata["unit"], f.metadata["sentence"]) for f in fields(Settings)]


def load_settings(environment: Mapping[str, str], **overrides: Any) -> Settings:
    """Read the settings of an environment.

    :raises BadSetting: for an unknown name or a value out of bounds.
    """
    values: dict[str, Any] = {}
    named = {f"PENSTOCK_{f.name.upper()}": f.name for f in fields(Settings)}
    home = Path(overrides.get("home") or environment.get("PENSTOCK_HOME") or "var").resolve()
    file = home / "penstock.toml"
    if file.exists():
        values.update(tomllib.loads(file.read_text("utf-8")))
    values.update({named[key]: value for key, value in environment.items() if key in named})
    values.update(overrides)
    values["home"] = home
    settings = Settings(**{name: _convert(name, value) for name, value in values.items()})
    _refuse_together(settings)
    refuse_in_production(settings)
    return settings


def _refuse_together(settings: Settings) -> None:
    """Refuse values that are fine alone but not beside one another."""
    if settings.approval_ttl_s >= settings.id_age_s:
        raise BadSetting(
            f"approval_ttl_s: {settings.approval_ttl_s} must stay below id_age_s ({settings.id_age_s}), "
            "or an approved command's id would have expired"
        )


def _convert(name: str, value: Any) -> Any:
    known = {f.name: f for f in fields(Settings)}
    if name not in known:
        raise BadSetting(f"there is no setting {name!r}; see docs/settings.md")
    setting = known[name]
    kind: Any = type(setting.default)
    try:
        converted = kind(value)
    except (TypeError, ValueError) as error:
        raise BadSetting(f"{name}: {value!r} is not a {kind.__name__}") from error
    least, most = setting.metadata["least"], setting.metadata["most"]
    if least is not None and not least <= converted <= most:
        raise BadSetting(f"{name}: {value} is outside {least} to {most} {setting.metadata['unit']}")
    choices = setting.metadata["unit"].split(" | ")
    if len(choices) > 1 and converted not in choices:
        raise BadSetting(f"{name}: {value!r} is not one of {', '.join(choices)}")
    return converted


def refuse_in_production(settings: Settings) -> None:
    """Refuse what is fit for development only.

    The database's own settings (fsync, synchronous_commit, full_page_writes) are checked by
    ``kit.db.refuse_unsafe_database`` when the lane connects.
    """
    if settings.profile != "production":
        return
    if not settings.database_url:
        raise BadSetting("production needs PENSTOCK_DATABASE_URL: the embedded PostgreSQL is for development")
    if not (settings.tls_certificate and settings.tls_key):
        raise BadSetting("production needs tls_certificate and tls_key: the development certificate is refused")
    if settings.bank_url and not settings.bank_url.startswith("https://"):
        raise BadSetting("production needs a bank_url that begins with https://: money is sent there")
    if settings.webhook_private_addresses:
        raise BadSetting("production refuses webhook_private_addresses=1: a webhook could reach what only this machine may reach")
    if settings.sandbox:
        raise BadSetting("production refuses sandbox=1: a reference could force the outcome of a payment")
