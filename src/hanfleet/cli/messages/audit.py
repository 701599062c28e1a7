"""What `hanfleet audit` says."""

TEXTS = {
    "audit.none": ("No such entries.", "Таких записей нет."),
    "audit.column.when": ("when (UTC)", "когда (UTC)"),
    "audit.column.who": ("who", "кто"),
    "audit.column.what": ("what", "что"),
    "audit.column.subject": ("subject", "предмет"),
    "audit.column.bot": ("bot", "бот"),
    "audit.column.change": ("changed", "изменено"),
    "audit.working": ("reading the audit trail …", "читаем журнал аудита …"),
    "audit.progress": ("{entries:entry|entries}", "записей: {entries}"),
    "audit.exported": ("{path}: {moved:head|heads} written.", "{path}: записано голов цепочек: {moved}."),
    "audit.sound": (
        (
            "The audit trail is whole: {entries:entry|entries} in {chains:chain|chains}, compared with"
            " {heads:exported head|exported heads}."
        ),
        "Журнал аудита цел: записей {entries}, цепочек {chains}, сверено с выгруженными головами: {heads}.",
    ),
    "audit.unexported": (
        "{entries:entry is|entries are} newer than the last exported heads; for that only the database vouches.",
        "Записей новее последней выгрузки голов: {entries}; за них ручается только база данных.",
    ),
    "audit.no_heads": (
        "There are no exported heads: whoever can write as the owner could have changed everything unseen.",
        "Выгруженных голов нет: тот, кто пишет как владелец, мог незаметно изменить всё.",
    ),
    "audit.unreadable": (
        "Could not be read and left out: {lines:line|lines} of exported heads ({places}).",
        "Строк выгруженных голов не прочитано и пропущено: {lines} ({places}).",
    ),
    "audit.broken": (
        "Broken in {breaks} of {chains:chain|chains} ({entries:entry|entries}): docs/howto/read-the-audit-trail.md.",
        "Нарушено цепочек: {breaks} из {chains} (записей {entries}): см. docs/howto/read-the-audit-trail.md.",
    ),
    "audit.chain": ("chain", "цепочка"),
    "audit.seq": ("entry", "запись"),
    "audit.fault": ("what is wrong", "что не так"),
    "audit.fault.changed": ("its content is not what its hash was made of", "содержание не соответствует хешу"),
    "audit.fault.rehashed": (
        "it was changed together with its hash: the next entry refers to another",
        "изменена вместе с хешем: следующая запись ссылается на другой",
    ),
    "audit.fault.missing": ("it is missing", "отсутствует"),
    "audit.fault.doubled": ("there are two of it", "имеется дважды"),
    "audit.fault.cut": (
        "it and what came after it are missing at the end",
        "она и всё после неё отсутствуют в конце",
    ),
    "audit.fault.unheaded": ("it is not where the chain's head is", "не там, где голова цепочки"),
    "audit.fault.rewritten": (
        "it is not what was exported: it, or one before it, was replaced",
        "не то, что было выгружено: она или одна из прежних подменена",
    ),
    "audit.fault.dropped": (
        "it and all before it are gone, and no entry of the retention says so",
        "она и все прежние удалены, и запись об очистке этого не подтверждает",
    ),
}
