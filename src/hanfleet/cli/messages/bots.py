"""What `hanfleet bots` says."""

TEXTS = {
    "bots.added": (
        "Added {bot_id}. What it does: hanfleet bots status {bot_id}",
        "Бот {bot_id} добавлен. Что он делает: hanfleet bots status {bot_id}",
    ),
    "bots.added_login": (
        "Added {bot_id}. Log it in with: hanfleet bots login {bot_id}",
        "Бот {bot_id} добавлен. Выполните вход: hanfleet bots login {bot_id}",
    ),
    "bots.none": (
        "There is no bot yet: add one with hanfleet bots add.",
        "Ботов пока нет: добавьте командой hanfleet bots add.",
    ),
    "bots.column.id": ("ID", "ID"),
    "bots.column.name": ("NAME", "ИМЯ"),
    "bots.column.state": ("STATE", "СОСТОЯНИЕ"),
    "bots.column.wanted": ("WANTED", "ЦЕЛЬ"),
    "bots.column.since": ("SINCE", "С"),
    "bots.column.reason": ("REASON", "ПРИЧИНА"),
    "bots.column.time": ("TIME", "ВРЕМЯ"),
    "bots.column.chat": ("CHAT", "ЧАТ"),
    "bots.column.author": ("AUTHOR", "АВТОР"),
    "bots.column.text": ("TEXT", "ТЕКСТ"),
    "bots.no_words": (
        "There is nothing to look for: name words, such as hanfleet bots search {bot_id} sailing boat.",
        "Искать нечего: укажите слова, например: hanfleet bots search {bot_id} парусная лодка.",
    ),
    "bots.nothing_found": ("No message holds all of these words.", "Сообщений с такими словами нет."),
    "bots.start_asked": ("{bot_id} is being started.", "Бот {bot_id} запускается."),
    "bots.stop_asked": ("{bot_id} is being stopped.", "Бот {bot_id} останавливается."),
    "bots.restart_asked": ("{bot_id} is being restarted.", "Бот {bot_id} перезапускается."),
    "bots.reached": ("{bot_id} is {status}.", "Бот {bot_id}: {status}."),
    "bots.awaits_login": (
        "{bot_id} waits for a person: log it in with hanfleet bots login {bot_id}.",
        "Бот {bot_id} ждёт входа: выполните hanfleet bots login {bot_id}.",
    ),
    "bots.not_reached": (
        "{bot_id} is {status} after {seconds} s ({reason}): hanfleet bots logs {bot_id} shows what it says.",
        "Спустя {seconds} с бот {bot_id}: {status} ({reason}); его журнал: hanfleet bots logs {bot_id}.",
    ),
    "bots.no_reason": ("no reason given", "причина не указана"),
    "bots.remove_sure": (
        "Stop {bot_id} for good? Its data is kept.",
        "Остановить {bot_id} навсегда? Данные сохранятся.",
    ),
    "bots.erase_sure": (
        "Erase {bot_id} with all its contacts and messages? There is no way back.",
        "Стереть {bot_id} со всеми контактами и сообщениями? Отменить будет нельзя.",
    ),
    "bots.remove_unsure": (
        "Nobody is there to confirm: repeat with --yes to remove {bot_id}.",
        "Некому подтвердить: повторите с --yes, чтобы удалить {bot_id}.",
    ),
    "bots.kept": ("Nothing was changed.", "Ничего не изменено."),
    "bots.removed": ("{bot_id} is being removed; its data is kept.", "Бот {bot_id} удаляется; данные сохраняются."),
    "bots.erased": ("{bot_id} is being erased.", "Бот {bot_id} стирается."),
    "bots.removed_before": ("{bot_id} was removed before.", "Бот {bot_id} уже был удалён."),
    "bots.configured": (
        "{bot_id} has configuration {version}, and works by it.",
        "Бот {bot_id}: конфигурация {version} уже действует.",
    ),
    "bots.configured_later": (
        "{bot_id} has configuration {version}; it counts from the next start.",
        "Бот {bot_id}: конфигурация {version}, действует со следующего запуска.",
    ),
    "bots.code_sent": ("Telegram has sent a code to {bot_id}.", "Telegram отправил код для {bot_id}."),
    "bots.ask.code": ("Code", "Код"),
    "bots.ask.password": ("Second password (2FA)", "Облачный пароль (2FA)"),
    "bots.logged_in": ("{bot_id} is logged in.", "Бот {bot_id} вошёл в аккаунт."),
    "bots.logged_in_before": ("{bot_id} is logged in already.", "Бот {bot_id} уже вошёл в аккаунт."),
    "bots.login_new": (
        "{bot_id} is new and has not run yet: start it with hanfleet bots start {bot_id}, then log it in.",
        "Бот {bot_id} новый и ещё не работал: запустите его (hanfleet bots start {bot_id}), затем выполните вход.",
    ),
    "bots.login_alone": (
        "Nobody is there to type the code: repeat hanfleet bots login {bot_id} at a terminal.",
        "Некому ввести код: повторите hanfleet bots login {bot_id} в терминале.",
    ),
    "bots.not_waiting": (
        "{bot_id} does not wait for a log-in, it is {status} ({reason}): start it with hanfleet bots start {bot_id}.",
        "Бот {bot_id} не ждёт входа: {status} ({reason}); запустите его: hanfleet bots start {bot_id}.",
    ),
    "bots.login_removed": (
        "{bot_id} was removed: to use its name again, erase it (hanfleet bots rm {bot_id} --erase) and add it anew.",
        "Бот {bot_id} удалён: чтобы занять имя снова, сотрите его (hanfleet bots rm {bot_id} --erase) и добавьте.",
    ),
    "bots.state.removed": ("removed", "удалён"),
    "bots.data_kept": ("Its data is kept.", "Данные сохранены."),
    "bots.being_erased": ("Its data is being erased.", "Данные стираются."),
    "bots.shown_state": ("{status}. {reason}", "{status}. {reason}"),
    "bots.shown_version": ("Configuration {version}.", "Конфигурация {version}."),
    "bots.shown_secrets": ("Secrets that are set: {names}.", "Заданы секреты: {names}."),
    "bots.file_unreadable": (
        "{path} cannot be read ({reason}): name another file.",
        "Не удаётся прочитать {path} ({reason}): укажите другой файл.",
    ),
    "bots.file_malformed": (
        "{path} is neither TOML nor JSON ({reason}): mend it there.",
        "{path} — не TOML и не JSON ({reason}): исправьте файл.",
    ),
    "bots.not_a_table": (
        "{field} must be a table of fields in the file: mend it there.",
        "{field} в файле должно быть таблицей полей: исправьте файл.",
    ),
    "bots.ask.bot_id": ("Bot's id (a-z, 0-9, -)", "ID бота (a-z, 0-9, -)"),
    "bots.ask.name": ("Name", "Имя"),
    "bots.ask.telegram_api_id": (
        "Telegram API id (https://my.telegram.org)",
        "Telegram API id (https://my.telegram.org)",
    ),
    "bots.ask.telegram_api_hash": ("Telegram API hash", "Telegram API hash"),
    "bots.ask.telegram_phone": (
        "Phone number of the account (empty: use a bot token)",
        "Номер телефона аккаунта (пусто: токен бота)",
    ),
    "bots.ask.telegram_bot_token": ("Bot token from @BotFather", "Токен бота от @BotFather"),
    "bots.ask.openai_api_key": ("Key for the model's API (may be empty)", "Ключ API модели (можно оставить пустым)"),
}
