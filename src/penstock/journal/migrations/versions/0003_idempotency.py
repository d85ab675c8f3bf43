"""Keys of callers that do not make UUIDs: the table behind the header Idempotency-Key. The statements are in ``0003_idempotency.sql``, beside this file."""

from penstock.journal.migrate import run_script_of

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    run_script_of(__file__)
