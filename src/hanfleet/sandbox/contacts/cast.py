"""The cast: characters out of tales that nobody wrote. None of them is, or is meant to resemble, a real person."""

from hanfleet.sandbox.contacts.persons import Person, Temper
from hanfleet.sandbox.llm.language import Language

CAST: tuple[Person, ...] = (
    Person(
        "Pip",
        "en",
        Temper.STEADY,
        "keeps the lighthouse on a paper island",
        (
            "The paper gulls came back today.",
            "I had to fold a new staircase, the old one got damp.",
            "Can you see a lamp from where you are?",
            "The sea is made of blue envelopes this week.",
        ),
    ),
    Person(
        "Wren",
        "en",
        Temper.HASTY,
        "delivers parcels between clouds",
        (
            "Quick!",
            "The north cloud has moved again!",
            "I have a parcel that hums.",
            "Who sends marmalade by storm?",
            "No time, tell me in one line.",
        ),
    ),
    Person(
        "Juniper",
        "en",
        Temper.DREAMY,
        "collects forgotten tunes in jam jars",
        (
            "I found a waltz under the stairs, and it was only a little dusty.",
            "Some tunes will not keep, however tight the lid is.",
            "What did your favourite song smell like, if songs had a smell?",
            "There is a hum in the pantry that I cannot place.",
        ),
    ),
    Person(
        "Otto",
        "en",
        Temper.DOUBTFUL,
        "repairs clocks that run sideways",
        (
            "I am not sure that Tuesday is where I left it.",
            "Would you trust a clock with two noons?",
            "I wound it, or I think I did.",
            "Maybe I should ask somebody else, or maybe not.",
        ),
    ),
    Person(
        "Marigold",
        "en",
        Temper.STEADY,
        "teaches arithmetic to snails",
        (
            "We have got as far as three.",
            "The smallest one divides, but only on Sundays.",
            "How do you explain zero to somebody who carries a house?",
            "Nobody was late today, which is new.",
        ),
    ),
    Person(
        "Варя",
        "ru",
        Temper.DREAMY,
        "рисует карты несуществующих рек",
        (
            "Сегодня река опять свернула не туда, и карта обиделась.",
            "Как назвать озеро, которое бывает только по четвергам?",
            "Синяя краска кончилась, рисую воду зелёной.",
            "На краю карты кто-то оставил след ложки.",
        ),
    ),
    Person(
        "Тимоша",
        "ru",
        Temper.HASTY,
        "водит трамвай по крышам",
        (
            "Скорее!",
            "На третьей крыше опять голуби без билета!",
            "Тормоза поют, слышишь?",
            "Говори коротко, сейчас поворот.",
            "Я везу целый вагон одуванчиков.",
        ),
    ),
    Person(
        "Снежана",
        "ru",
        Temper.STEADY,
        "варит варенье из тумана",
        (
            "Туман сегодня густой, хватит на шесть банок.",
            "Главное не переварить, а то выйдет облако.",
            "Тебе с брусникой или просто туман?",
            "Ложка стоит, значит, готово.",
        ),
    ),
    Person(
        "Кузьма",
        "ru",
        Temper.DOUBTFUL,
        "сторожит библиотеку пустых книг",
        (
            "Кажется, одна книга сегодня чуть-чуть заполнилась.",
            "Может, мне послышалось, а может, и правда шуршат.",
            "Стоит ли стирать пыль, если она красиво лежит?",
            "Не уверен, что помню, где дверь.",
        ),
    ),
    Person(
        "Фёкла",
        "ru",
        Temper.HASTY,
        "разносит сны по адресам",
        (
            "Чужой сон в моей сумке!",
            "Адрес: подушка, слева.",
            "Этот с драконами, осторожно.",
            "Успеть бы до рассвета!",
        ),
    ),
)


def cast_for(language: Language, number: int) -> tuple[Person, ...]:
    """``number`` characters who write that language; the cast repeats itself when it is too small."""
    speakers = [person for person in CAST if person.language == language]
    return tuple(speakers[at % len(speakers)] for at in range(number))
