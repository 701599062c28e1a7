"""Running a file of statements inside a migration, with the installation's role names put in."""

from importlib.resources import files

from alembic import op
from sqlalchemy import text

from hanfleet.store.roles import RoleNames


def run_script(name: str) -> None:
    """Run ``sql/<name>`` in the migration's transaction; ``@bots@`` and the like become this installation's roles."""
    connection = op.get_bind()
    install_id = connection.execute(text("SELECT install_id FROM installation")).scalar_one()
    statements = files("hanfleet.store.migrations").joinpath("sql", name).read_text()
    for role, role_name in vars(RoleNames.of(install_id)).items():
        statements = statements.replace(f"@{role}@", role_name)
    # asyncpg takes many statements at once only past the prepared ones that SQLAlchemy uses.
    connection.connection.dbapi_connection.run_async(lambda raw: raw.execute(statements))  # type: ignore[union-attr]
