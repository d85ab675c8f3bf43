"""Webhooks: endpoints, their secrets, deliveries. The statements are in ``0005_webhooks.sql``, beside this file."""

from penstock.journal.migrate import run_script_of

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    run_script_of(__file__)
