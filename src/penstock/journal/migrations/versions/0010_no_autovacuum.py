"""Partitions of the journal without autovacuum. The statements are in ``0010_no_autovacuum.sql``, beside this file."""

from penstock.journal.migrate import run_script_of

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Set it for the partitions that are there."""
    run_script_of(__file__)
