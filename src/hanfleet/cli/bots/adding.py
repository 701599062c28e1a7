"""Bringing a bot into the fleet, and changing what it is."""

from pathlib import Path
from typing import Annotated

import typer

from hanfleet.cli.bot_ids import BotId
from hanfleet.cli.bots.inputs import gather, read_config_file, read_secret_file
from hanfleet.cli.bots.shared import path_of
from hanfleet.cli.connection import Api, speaks
from hanfleet.cli.messages import say
from hanfleet.cli.output import AsJson, print_json


@speaks
def add(
    api: Api,
    file: Annotated[Path | None, typer.Option(help="The configuration, .toml or .json; options win over it.")] = None,
    bot_id: Annotated[str | None, typer.Option("--id", help="a-z, 0-9 and -, at most 50.")] = None,
    name: Annotated[str | None, typer.Option(help="What people see.")] = None,
    api_id: Annotated[int | None, typer.Option(help="From https://my.telegram.org.")] = None,
    api_hash_file: Annotated[
        Path | None, typer.Option(help="A file with the API hash (or HANFLEET_TELEGRAM_API_HASH).")
    ] = None,
    phone: Annotated[str | None, typer.Option(help="The account's phone number; or else a bot token.")] = None,
    bot_token_file: Annotated[
        Path | None, typer.Option(help="A file with the bot token (or HANFLEET_TELEGRAM_BOT_TOKEN).")
    ] = None,
    openai_key_file: Annotated[
        Path | None, typer.Option(help="A file with the model's API key (or HANFLEET_OPENAI_API_KEY).")
    ] = None,
    prompt_file: Annotated[Path | None, typer.Option(help="A text file: who the bot is.")] = None,
    language: Annotated[str | None, typer.Option(help="en or ru.")] = None,
    model: Annotated[str | None, typer.Option(help="The model's name.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Of an OpenAI-compatible server; default: OpenAI's own.")] = None,
    start: Annotated[bool, typer.Option(help="Start it at once.")] = True,
    as_json: AsJson = False,
) -> None:
    """Add a bot. Secrets come from files, the environment or prompts, never from the command line."""
    config = gather(
        {
            "bot_id": bot_id,
            "name": name,
            "telegram_api_id": api_id,
            "telegram_api_hash": read_secret_file(api_hash_file) if api_hash_file else None,
            "telegram_phone": phone,
            "telegram_bot_token": read_secret_file(bot_token_file) if bot_token_file else None,
            "openai_api_key": read_secret_file(openai_key_file) if openai_key_file else None,
            "persona.prompt": read_secret_file(prompt_file) if prompt_file else None,
            "persona.language": language,
            "llm.model": model,
            "llm.base_url": base_url,
        },
        file,
    )
    bot = api.ask("POST", "/api/bots", json=config, params={"start": start})
    needs_login = start and bot["config"].get("telegram_phone")
    if as_json:
        print_json(bot)
    else:
        print(say("bots.added_login" if needs_login else "bots.added", bot_id=bot["bot_id"]))


@speaks
def configure(
    api: Api,
    bot_id: BotId,
    file: Annotated[Path, typer.Option(help="The whole configuration, .toml or .json; secrets may be left out.")],
    version: Annotated[
        int | None, typer.Option(help="Refuse when the configuration is no longer this version.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replace a bot's configuration."""
    query = {} if version is None else {"version": version}
    answer = api.ask("PUT", path_of(bot_id), json=read_config_file(file), params=query)
    if as_json:
        print_json(answer)
    else:
        key = "bots.configured" if answer["applied"] else "bots.configured_later"
        print(say(key, bot_id=bot_id, version=answer["config_version"]))
