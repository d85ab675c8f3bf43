"""Which rows put something in force. The statements are in ``0007_publications.sql``, beside this file."""

from penstock.journal.migrate import run_script_of

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    run_script_of(__file__)
