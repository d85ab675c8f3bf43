"""The back office: people, approvals, review and recovery queues, cursors of the tails. The statements are in ``0002_office.sql``, beside this file."""

from penstock.journal.migrate import run_script_of

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    run_script_of(__file__)
