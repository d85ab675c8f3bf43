"""The journal row is stored as its bytes. The statements are in ``0008_record.sql``, beside this file.

Copies the whole journal within one transaction; needs PostgreSQL 18, which ``migrate`` looks after.
"""

from penstock.journal.migrate import run_script_of

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table anew and fill it."""
    run_script_of(__file__)
