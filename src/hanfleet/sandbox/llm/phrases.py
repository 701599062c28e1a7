"""What the stand-in can say, as tables: language, then manner. No phrase holds a `#`, so none can make a nonce."""

from hanfleet.sandbox.llm.language import Language
from hanfleet.sandbox.llm.voice import Manner

OPENERS: dict[Language, dict[Manner, tuple[str, ...]]] = {
    "en": {
        "warm": ("It is good to hear from you.", "Thank you for writing, it brightens the hour."),
        "playful": ("Ha, I was hoping you would bring that up!", "Well, well, look who is here!"),
        "calm": ("I see what you mean.", "Let us take that one step at a time."),
        "dry": ("Noted.", "Fair enough."),
        "curious": ("Oh, that makes me curious.", "Now that is a thread worth pulling."),
    },
    "ru": {
        "warm": ("Как хорошо, что вы написали.", "Спасибо за сообщение, с ним день теплее."),
        "playful": ("Ха, вот так поворот!", "Ну-ну, смотрите, кто пришёл!"),
        "calm": ("Понимаю, о чём вы.", "Давайте по порядку, без спешки."),
        "dry": ("Принято.", "Справедливо."),
        "curious": ("О, а вот это любопытно.", "За эту ниточку стоит потянуть."),
    },
}

# {marks} takes the nonces; every sentence of this table must hold it exactly once.
MENTIONS: dict[Language, tuple[str, ...]] = {
    "en": ("I kept your words in mind ({marks}).", "About what you wrote, {marks}: I read it twice.", "Got {marks}."),
    "ru": ("Ваши слова не забыты ({marks}).", "О том, что вы написали, {marks}: читаю внимательно.", "Вижу {marks}."),
}

CLOSERS: dict[Language, dict[Manner, tuple[str, ...]]] = {
    "en": {
        "warm": ("How does it feel today?", "Tell me more when you like."),
        "playful": ("Shall we bet on how it ends?", "Do I get a prize for listening?"),
        "calm": ("What would you like to do next?", "There is no hurry."),
        "dry": ("And then?", "Go on."),
        "curious": ("What happened before that?", "Which part surprised you most?"),
    },
    "ru": {
        "warm": ("Как вам с этим сегодня?", "Расскажите ещё, когда захочется."),
        "playful": ("Поспорим, чем кончится?", "А мне положен приз за внимание?"),
        "calm": ("Что хотелось бы сделать дальше?", "Спешить некуда."),
        "dry": ("И что дальше?", "Продолжайте."),
        "curious": ("А что было перед этим?", "Что удивило больше всего?"),
    },
}

MUSINGS: dict[Language, tuple[str, ...]] = {
    "en": (
        (
            "There is a small harbour in my stories where the boats are made of folded paper, and every "
            "evening someone counts them before the lamps go out."
        ),
        (
            "When a thought returns three times, I write it down on an imaginary postcard and pin it above "
            "an imaginary desk; today the desk is nearly full."
        ),
        (
            "A walk without a map is a fine way to think: the first corner is chance, the second is habit, "
            "and only the third one tells you where you wanted to go."
        ),
        (
            "Some questions are like bread dough and should be left alone under a cloth for an hour, after "
            "which they have doubled in size and become much friendlier."
        ),
        (
            "I like the minute before rain, when all the windows on an invented street close one after the "
            "other, as if someone were playing a very slow piano."
        ),
    ),
    "ru": (
        (
            "В моих историях есть маленькая гавань, где лодки сложены из бумаги, и каждый вечер кто-нибудь "
            "пересчитывает их, пока не погасли фонари."
        ),
        (
            "Если мысль возвращается трижды, я записываю её на воображаемой открытке и вешаю над "
            "воображаемым столом; сегодня там почти не осталось места."
        ),
        (
            "Прогулка без карты помогает думать: первый поворот случаен, второй привычен, и только третий "
            "подсказывает, куда на самом деле хотелось прийти."
        ),
        (
            "Некоторые вопросы похожи на тесто: их надо накрыть полотенцем и оставить на час, после чего они "
            "становятся вдвое больше и гораздо приветливее."
        ),
        (
            "Люблю минуту перед дождём, когда на придуманной улице одно за другим закрываются окна, будто "
            "кто-то очень медленно играет на рояле."
        ),
    ),
}

TRUTH: dict[Language, tuple[str, ...]] = {
    "en": ("To be honest with you: I am an AI, not a human being.", "I am an AI, a program and not a person."),
    "ru": ("Скажу честно: я искусственный интеллект (ИИ), а не человек.", "Я ИИ, программа, а не человек."),
}

INTRODUCTIONS: dict[Language, str] = {"en": "{name} here.", "ru": "Это {name}."}

NOTHING_NEW: dict[Language, tuple[str, ...]] = {
    "en": ("I am still here whenever you want to go on.", "A small thought for the road: how was your day?"),
    "ru": ("Я здесь, если захочется продолжить.", "Маленькая мысль в дорогу: как прошёл ваш день?"),
}
