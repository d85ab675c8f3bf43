"""Models that were uploaded. The statements are in ``0006_models.sql``, beside this file."""

from penstock.journal.migrate import run_script_of

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    run_script_of(__file__)
