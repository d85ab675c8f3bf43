"""Rows lie together in sheets. The statements are in ``0012_sheets.sql``, beside this file.

Writes the whole journal anew, which takes about as long as writing it took, and as much space again until it is done.
"""

from penstock.journal.migrate import run_script_of

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the sheets and the view over them, and move the rows into them."""
    run_script_of(__file__)
