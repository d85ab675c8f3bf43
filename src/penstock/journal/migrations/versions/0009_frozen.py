"""Which closed partitions are frozen. The statements are in ``0009_frozen.sql``, beside this file."""

from penstock.journal.migrate import run_script_of

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    run_script_of(__file__)
