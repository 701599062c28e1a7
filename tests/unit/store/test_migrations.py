"""What the code knows of the schema's steps is what there is."""

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from hanfleet.store import migrations


def test_the_known_revisions_are_the_ones_in_the_folder() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    scripts = ScriptDirectory.from_config(config)
    assert tuple(reversed([script.revision for script in scripts.walk_revisions()])) == migrations.REVISIONS
    assert scripts.get_heads() == [migrations.HEAD]
