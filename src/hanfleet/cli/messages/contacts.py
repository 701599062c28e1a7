"""What `hanfleet contacts` says."""

TEXTS = {
    "contacts.none": ("Nobody has talked to {bot_id} yet.", "С ботом {bot_id} ещё никто не говорил."),
    "contacts.column.chat": ("CHAT", "ЧАТ"),
    "contacts.column.name": ("NAME", "ИМЯ"),
    "contacts.column.username": ("USERNAME", "ЛОГИН"),
    "contacts.column.messages": ("WROTE", "НАПИСАЛ"),
    "contacts.column.told": ("TOLD", "ПРЕДУПРЕЖДЁН"),
    "contacts.column.opted_out": ("OPTED OUT", "ОТКАЗАЛСЯ"),
    "contacts.column.active": ("LAST ACTIVE", "АКТИВНОСТЬ"),
    "contacts.unwritable": (
        "{out} cannot be written ({reason}): name a new file with --out.",
        "Не удаётся записать {out} ({reason}): укажите новый файл: --out.",
    ),
    "contacts.exported": (
        "{out} holds everything about this contact ({size}), in clear. Delete it when it was handed over.",
        "В {out} всё об этом контакте ({size}), открытым текстом. Удалите файл, когда передадите его.",
    ),
    "contacts.unsure": (
        "Nobody is there to ask: say --yes to erase chat {chat_id} of {bot_id} for good.",
        "Спросить некого: добавьте --yes, чтобы стереть чат {chat_id} бота {bot_id} навсегда.",
    ),
    "contacts.sure": (
        "Erase everything that {bot_id} holds about chat {chat_id}? There is no way back.",
        "Стереть всё, что бот {bot_id} хранит о чате {chat_id}? Вернуть ничего нельзя.",
    ),
    "contacts.kept": ("Nothing was erased.", "Ничего не стёрто."),
    "contacts.erased": (
        "Erased: {rows:row|rows}, {messages:message|messages} among them. Whoever writes again is a new contact.",
        "Стёрто записей: {rows}, из них сообщений: {messages}. Кто напишет снова, будет новым контактом.",
    ),
    "contacts.in_backups": (
        "Daily backups from before may hold this contact until {until}. Restoring one does not bring it back.",
        "Прежние ежедневные копии могут хранить этот контакт до {until}. Восстановление его не вернёт.",
    ),
    "contacts.in_backups_by_hand": (
        "These stay until you remove them, and may hold it as long: {backups}.",
        "Эти копии хранятся, пока вы их не удалите, и контакт может быть в них: {backups}.",
    ),
    "contacts.incomplete": (
        "The bus does not answer; what it holds about this contact goes by itself when it is back.",
        "Шина не отвечает; её данные об этом контакте исчезнут сами, когда она вернётся.",
    ),
}
