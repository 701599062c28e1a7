"""What `hanfleet keys` says."""

TEXTS = {
    "keys.rotated": (
        "Bot {bot_id} ({done} of {total}): key {number} seals now, {count:value|values} sealed anew, older keys gone.",
        "Бот {bot_id} ({done} из {total}): теперь действует ключ {number}, перешифровано: {count}, старых ключей нет.",
    ),
    "keys.waits": (
        "Bot {bot_id} ({done} of {total}): its worker runs with an older key than {number}: start the fleet, repeat.",
        "Бот {bot_id} ({done} из {total}): он ещё работает с ключом до {number}: запустите систему и повторите.",
    ),
    "keys.broken": (
        "Bot {bot_id} ({done} of {total}): {broken:value does|values do} not open, such as {first}: set anew, repeat.",
        "Бот {bot_id} ({done} из {total}): не открывается: {broken}, например {first}: задайте заново и повторите.",
    ),
    "keys.nobody": ("No bot has a data key yet.", "Ключей ботов ещё нет."),
    "keys.master_replaced": (
        "Master key {after} took the place of {before}; {count:data key was|data keys were} wrapped anew.",
        "Главный ключ {after} заменил {before}; перешифровано ключей ботов: {count}.",
    ),
    "keys.master_copy": (
        "Copy master.key to where you keep such things. The old one still opens backups that lie elsewhere.",
        "Сохраните копию master.key в надёжном месте. Старый ключ нужен для копий, что лежат в других местах.",
    ),
    "keys.master_variable": (
        "Now set HANFLEET_MASTER_KEY to the new key and remove HANFLEET_NEW_MASTER_KEY.",
        "Теперь запишите новый ключ в HANFLEET_MASTER_KEY и уберите HANFLEET_NEW_MASTER_KEY.",
    ),
    "keys.master": ("Master key {name}, from {place}", "Главный ключ {name}, из {place}"),
    "keys.master_lost": (
        "The master key is missing: put {place} back from your copy, or set HANFLEET_MASTER_KEY to it.",
        "Главного ключа нет: верните файл {place} из своей копии или запишите ключ в HANFLEET_MASTER_KEY.",
    ),
    "keys.master_unmade": (
        "There is no master key yet: hanfleet up makes it in {place}, unless HANFLEET_MASTER_KEY is set to one.",
        "Главного ключа ещё нет: hanfleet up создаст его в {place}, если он не задан в HANFLEET_MASTER_KEY.",
    ),
    "keys.being_replaced": (
        "It is being replaced: run hanfleet keys rotate --master once more.",
        "Он сейчас заменяется: выполните ещё раз hanfleet keys rotate --master.",
    ),
    "keys.bot": ("bot", "бот"),
    "keys.key": ("key", "ключ"),
    "keys.since": ("since", "с"),
    "keys.retiring": ("older keys", "старые ключи"),
    "keys.values": ("sealed values", "зашифровано"),
    "keys.old_values": ("under older keys", "старыми ключами"),
    "keys.texts": ("texts", "тексты"),
    "keys.sealed": ("sealed", "зашифрованы"),
    "keys.clear": ("in clear", "открыты"),
}
