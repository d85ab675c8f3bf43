"""The comparison with the bank on demand, in a process of its own beside the office's."""

from __future__ import annotations

from datetime import UTC, date, datetime

from penstock.app import wiring
from penstock.app.edge.lane_link import LaneLink
from penstock.app.office.database import OfficeDatabase
from penstock.app.office.rails import open_bank
from penstock.contracts.ids import PublicIds
from penstock.contracts.office import Office
from penstock.kit.settings import BadSetting, Settings
from penstock.process.rails.reconcile.actions import reconcile
from penstock.process.rails.reconcile.store import ReconciliationRow


async def reconcile_once(settings: Settings, day: date) -> ReconciliationRow:
    """Compare one day.

    :raises BadSetting: without a bank.
    :raises BankAway, psycopg.OperationalError, psycopg_pool.PoolTimeout: when somebody does not answer.
    """
    if not settings.bank_url:
        raise BadSetting("no bank is connected: set bank_url, see docs/rails.md")
    database = OfficeDatabase(wiring.dsn(settings, "penstock_office"), "penstock-reconcile")
    lane = LaneLink(settings, wiring.lane_socket(settings))  # never connected: nothing is asked of the lane
    ids = PublicIds(wiring.secrets(settings).public_id_key())
    bank = open_bank(settings)
    await database.open()
    try:
        return await reconcile(Office(lane, ids, settings, database.connection, lambda: datetime.now(UTC)), bank, day)
    finally:
        await bank.close()
        await database.close()
