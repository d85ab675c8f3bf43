"""The bank: transfers out and in, statements, differences. The statements are in ``0004_rails.sql``, beside this file."""

from penstock.journal.migrate import run_script_of

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    run_script_of(__file__)
