"""``hanfleet bots``: the life of bots, from the terminal. Each command is a call or two of the REST API."""

import typer

from hanfleet.cli import exits
from hanfleet.cli.bots.adding import add, configure
from hanfleet.cli.bots.logging_in import login
from hanfleet.cli.bots.looking import list_, logs, search, show, status
from hanfleet.cli.bots.running import restart, rm, start, stop

app = typer.Typer(no_args_is_help=True, add_completion=False, epilog=exits.HELP)


@app.callback()
def _bots() -> None:
    """Add, watch, start, stop and remove bots."""


app.command(
    epilog="Examples: hanfleet bots add --file mira.toml · hanfleet bots add --id mira --name Mira --api-id 12345 "
    "--api-hash-file hash.txt --phone +15550100 --prompt-file mira.txt · without options, it asks."
)(add)
app.command("list", epilog="Example: hanfleet bots list --json")(list_)
app.command(epilog="Example: hanfleet bots status mira")(status)
app.command(epilog="Example: hanfleet bots show mira --json")(show)
app.command(epilog="Example: hanfleet bots configure mira --file mira.toml")(configure)
app.command(epilog="Example: hanfleet bots start mira --wait")(start)
app.command(epilog="Example: hanfleet bots stop mira --wait")(stop)
app.command(epilog="Example: hanfleet bots restart mira")(restart)
app.command(epilog="Example: hanfleet bots rm mira --erase --yes")(rm)
app.command(
    epilog="Examples: hanfleet bots search mira sailing boat · hanfleet bots search mira 'tea or coffee' --json "
    "· hanfleet bots search mira -- tea -sugar"
)(search)
app.command(epilog="Example: hanfleet bots logs mira -n 20 -f")(logs)
app.command(epilog="Example: hanfleet bots login mira")(login)
