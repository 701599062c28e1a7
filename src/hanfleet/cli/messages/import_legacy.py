"""What `hanfleet import-legacy` says. The reasons in its report are English."""

TEXTS = {
    "import_legacy.one_only": (
        "--dry-run, --verify, --rollback and --start exclude each other: choose one.",
        "--dry-run, --verify, --rollback и --start исключают друг друга: выберите одно.",
    ),
    "import_legacy.no_report": (
        "--rollback reads no old folder, so there is nothing to report: leave --report out.",
        "--rollback не читает старую папку, и отчитываться не о чем: уберите --report.",
    ),
    "import_legacy.who": (
        "There is no folder {folder} whose settings would name the bot: name it with --bot.",
        "Нет папки {folder}, по настройкам которой узнаётся бот: назовите его: --bot.",
    ),
    "import_legacy.no_old_folder": (
        "{folder} holds nothing of the old bot: name the folder with its girls_data, conversations or .env.",
        "В {folder} нет ничего от старого бота: укажите папку, где его girls_data, conversations или .env.",
    ),
    "import_legacy.closed": (
        "{folder} cannot be looked into ({reason}): change its mode or its owner.",
        "Не удаётся заглянуть в {folder} ({reason}): измените права или владельца.",
    ),
    "import_legacy.perhaps_parent": (
        "{folder} holds nothing that the old bot keeps side by side: did you mean its parent, {parent}?",
        "В {folder} нет того, что старый бот хранит рядом: может быть, нужна папка выше, {parent}?",
    ),
    "import_legacy.report_inside": (
        "{report} is inside the old folder, which is only read: put the report elsewhere.",
        "{report} находится в старой папке, а она только читается: положите отчёт в другое место.",
    ),
    "import_legacy.home_inside": (
        "The home {home} is inside the old folder, which is only read: choose another with --home.",
        "Папка флота {home} находится в старой папке, а она только читается: укажите другую: --home.",
    ),
    "import_legacy.report_unwritable": (
        "{report} cannot be written ({reason}): choose another file with --report.",
        "Не удаётся записать {report} ({reason}): укажите другой файл: --report.",
    ),
    "import_legacy.report_cut": (
        "{report} is cut ({reason}), but the rest was done: see the folder's oddities with --dry-run --report FILE.",
        "{report} обрезан ({reason}), остальное сделано: странное в папке покажет --dry-run --report FILE.",
    ),
    "import_legacy.bad_id": (
        "{bot_id} is no bot id (a-z, 0-9 and -, at most 50): choose one with --bot.",
        "{bot_id} не годится как имя бота (a-z, 0-9 и -, не больше 50): укажите другое: --bot.",
    ),
    "import_legacy.progress": ("{messages:message|messages}", "сообщений: {messages}"),
    "import_legacy.would": (
        (
            "Found: {chats:chat|chats}, {messages:message|messages}, {metrics:metric|metrics},"
            " {sessions:session|sessions}. Nothing was changed."
        ),
        "Найдено: чатов {chats}, сообщений {messages}, метрик {metrics}, сессий {sessions}. Ничего не изменено.",
    ),
    "import_legacy.imported": (
        (
            "Imported to bot {bot_id}: {contacts:contact|contacts}, {messages:message|messages},"
            " {metrics:metric|metrics}, {sessions:session|sessions}."
        ),
        "Перенесено в бота {bot_id}: контактов {contacts}, сообщений {messages}, метрик {metrics}, сессий {sessions}.",
    ),
    "import_legacy.renewed": (
        "Of what stood there, {renewed:record was|records were} brought up to date.",
        "Обновлено из того, что уже было: {renewed}.",
    ),
    "import_legacy.unconfigured": (
        "The folder has no usable .env: before its first start, hanfleet bots configure {bot_id} --file FILE.toml",
        "Годного .env в папке нет: до первого запуска нужно hanfleet bots configure {bot_id} --file FILE.toml",
    ),
    "import_legacy.next": (
        "Compare: hanfleet import-legacy DIR --bot {bot_id} --verify. Stop the old bot before you start this one.",
        "Сверьте: hanfleet import-legacy DIR --bot {bot_id} --verify. Не запускайте бота, пока работает старый.",
    ),
    "import_legacy.nothing_new": (
        "Bot {bot_id} has all that it takes from this folder; nothing was changed.",
        "В боте {bot_id} уже есть всё, что он берёт из этой папки; ничего не изменено.",
    ),
    "import_legacy.before": (
        "Bot {bot_id} was imported before; its old folder is not read again.",
        "Бот {bot_id} уже перенесён; старая папка больше не читается.",
    ),
    "import_legacy.taken_back": (
        (
            "Taken back from bot {bot_id}: {contacts:contact|contacts}, {messages:message|messages},"
            " {metrics:metric|metrics}."
        ),
        "Убрано из бота {bot_id}: контактов {contacts}, сообщений {messages}, метрик {metrics}.",
    ),
    "import_legacy.kept": (
        "{contacts:contact stays|contacts stay}, without what was imported: something came later.",
        "Контактов осталось: {contacts} (без перенесённого), у них было что-то новое.",
    ),
    "import_legacy.bot_gone": (
        "Bot {bot_id}, which the import had made, is gone too.",
        "Бот {bot_id}, созданный при переносе, тоже убран.",
    ),
    "import_legacy.bot_stays": (
        "Bot {bot_id} stays: it was there before, or was used since. Remove it with: hanfleet bots rm {bot_id}.",
        "Бот {bot_id} остаётся: он был и раньше или уже работал. Удалить: hanfleet bots rm {bot_id}.",
    ),
    "import_legacy.same": (
        "Every record and every message stands in bot {bot_id}, text for text.",
        "Все записи и сообщения есть в боте {bot_id}, слово в слово.",
    ),
    "import_legacy.different": (
        (
            "{count:difference|differences} from bot {bot_id}. Before its first start there should be none but what"
            " cannot be read: import again."
        ),
        (
            "Расхождений с ботом {bot_id}: {count}. До первого запуска их быть не должно, кроме того, что не читается:"
            " повторите перенос."
        ),
    ),
    "import_legacy.nothing_odd": ("Nothing was odd.", "Ничего странного не нашлось."),
    "import_legacy.reason": ("what was odd", "что было странно"),
    "import_legacy.how_often": ("how often", "сколько раз"),
    "import_legacy.record": ("record", "запись"),
    "import_legacy.expected": ("in the folder", "в папке"),
    "import_legacy.found": ("in the fleet", "во флоте"),
    "import_legacy.report_there": ("Every case is in {report}.", "Все случаи записаны в {report}."),
    "import_legacy.report_hint": (
        "See every case: hanfleet import-legacy DIR --dry-run --report FILE.",
        "Все случаи покажет hanfleet import-legacy DIR --dry-run --report FILE.",
    ),
}
