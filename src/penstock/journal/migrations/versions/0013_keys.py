"""Keys are found by their first row: they are read while they are written. The statements are in ``0013_keys.sql``, beside this file."""

from penstock.journal.migrate import run_script_of

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give the keys of open partitions a primary key."""
    run_script_of(__file__)
