"""Roles and the journal, as ``journal/schema.sql`` has them.

There is no downgrade: the journal is what is true, and a migration that removes it has no business here.
"""

from pathlib import Path

from alembic import op

from penstock.journal.migrate import ROLES

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SCHEMA = Path(__file__).resolve().parents[2] / "schema.sql"

# Roles belong to the cluster, not to the database: another database may have made them already.
_MAKE_ROLE = """
DO $$
BEGIN
    CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;
"""

# An administrator who is no superuser may act as the keeper only when it is a member.
_MAY_ACT_AS_KEEPER = """
DO $$
BEGIN
    IF NOT pg_has_role(current_user, 'penstock_keeper', 'SET') THEN
        EXECUTE format('GRANT penstock_keeper TO %I', current_user);
    END IF;
END
$$;
"""

_ONLY_OURS = """
DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO {roles}', current_database());
END
$$;
"""


def upgrade() -> None:
    """Make the roles (without passwords, see ``set_passwords``) and the tables."""
    for role in ROLES:
        _run(_MAKE_ROLE.format(role=role))
    _run(_MAY_ACT_AS_KEEPER)
    _run(_SCHEMA.read_text("utf-8"))
    _run("RESET search_path")
    _run(_ONLY_OURS.format(roles=", ".join(ROLES)))


def _run(script: str) -> None:
    """Run a script of several statements as it stands: SQLAlchemy would read its percent signs."""
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(script)
