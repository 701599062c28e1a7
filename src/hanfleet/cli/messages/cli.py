"""What every command may have to say."""

TEXTS = {
    "cli.error": ("Error: {sentence}", "Ошибка: {sentence}"),
    "cli.not_json": (
        "The configuration holds what JSON cannot say ({reason}): mend it there.",
        "В конфигурации есть то, чего нет в JSON ({reason}): исправьте её.",
    ),
    "cli.odd_id": (
        "No bot has such an id, for ids are of a-z, 0-9 and -, at most 50: hanfleet bots list shows all.",
        "Такого ID у бота быть не может (a-z, 0-9 и -, не длиннее 50): все боты — hanfleet bots list.",
    ),
    "cli.interrupted": ("Interrupted.", "Прервано."),
    "cli.api_silent": (
        "No fleet answers at {url} ({reason}): start it with: hanfleet up, or name another with --api.",
        "Флот по адресу {url} не отвечает ({reason}): запустите его командой hanfleet up или укажите другой: --api.",
    ),
    "cli.api_odd": (
        "What answers at {url} is not a fleet's API (status {status}): name the right address with --api.",
        "По адресу {url} отвечает не API флота (статус {status}): укажите верный адрес: --api.",
    ),
    "cli.no_address": (
        "{address} is no address of an API: write it like http://127.0.0.1:8642.",
        "{address} — не адрес API: напишите его так: http://127.0.0.1:8642.",
    ),
    "cli.token_refused": (
        "The API refused the token: pass --token, set HANFLEET_API_TOKEN, or name the fleet's folder with --home.",
        "API не принял токен: укажите --token, задайте HANFLEET_API_TOKEN или укажите папку флота: --home.",
    ),
    "cli.no_token": (
        "There is no API token: start the fleet here with hanfleet up, name its folder with --home, or pass --token.",
        "Нет токена API: запустите флот командой hanfleet up, укажите его папку (--home) или передайте --token.",
    ),
    "cli.misused": ("{what} See {help}.", "{what} Справка: {help}."),
    "cli.refused_by_system": (
        "{path} cannot be used ({reason}): mend that, then try again.",
        "{path} нельзя использовать ({reason}): исправьте это и повторите команду.",
    ),
    "cli.empty_home": (
        "--home is empty: name the fleet's folder, or leave the option out for the default.",
        "Опция --home пуста: укажите папку флота или уберите опцию, тогда папка будет обычной.",
    ),
    "cli.no_room": (
        "There is no room where this is written to. Make some, and run it again.",
        "Там, куда идёт вывод, нет места. Освободите место и повторите команду.",
    ),
}
