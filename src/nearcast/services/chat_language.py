"""What is said in a chat, in the languages that are spoken here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChatWords:
    """Texts with places for what they are about. Titles and labels are short enough for every channel."""

    ask_place: str
    nearest: str
    none_near: str
    choose: str
    open_now: str
    open_until: str
    opens: str
    closed: str
    holds_until: str
    over: str
    paused: str
    resumed: str
    nothing_to_pause: str
    nothing_to_resume: str
    which_to_pause: str
    which_to_resume: str
    verified: str
    not_verified: str
    is_running: str
    is_paused: str


CHAT_WORDS = {
    "en": ChatWords(
        ask_place="Send your location, and you get the nearest offers. It is used once and not kept.",
        nearest="The nearest offers:",
        none_near="There is no offer right now.",
        choose="Choose an offer",
        open_now="open",
        open_until="open until {at}",
        opens="closed, opens {at}",
        closed="closed",
        holds_until="until {at}",
        over="This offer is over. Send your location again for others.",
        paused="Paused: {campaign}. {count} messages were stopped.",
        resumed="Running again: {campaign}.",
        nothing_to_pause="Nothing is running that could be paused.",
        nothing_to_resume="Nothing is paused that could run again.",
        which_to_pause="Which one is to be paused?",
        which_to_resume="Which one is to run again?",
        verified="This number now speaks for {shop}.",
        not_verified="This number has to be confirmed first: send the code that the shop was given for it.",
        is_running="running",
        is_paused="paused",
    ),
    "de": ChatWords(
        ask_place="Sende deinen Standort, und du bekommst die nächsten Angebote. Er wird einmal benutzt und nicht "
        "behalten.",
        nearest="Die nächsten Angebote:",
        none_near="Gerade gibt es kein Angebot.",
        choose="Angebot wählen",
        open_now="geöffnet",
        open_until="geöffnet bis {at}",
        opens="geschlossen, öffnet {at}",
        closed="geschlossen",
        holds_until="bis {at}",
        over="Dieses Angebot ist vorbei. Sende deinen Standort noch einmal für andere.",
        paused="Angehalten: {campaign}. {count} Nachrichten wurden gestoppt.",
        resumed="Läuft wieder: {campaign}.",
        nothing_to_pause="Es läuft nichts, das angehalten werden könnte.",
        nothing_to_resume="Es ist nichts angehalten, das wieder laufen könnte.",
        which_to_pause="Was soll angehalten werden?",
        which_to_resume="Was soll wieder laufen?",
        verified="Diese Nummer spricht jetzt für {shop}.",
        not_verified="Diese Nummer muss erst bestätigt werden: sende den Code, den der Laden dafür bekommen hat.",
        is_running="läuft",
        is_paused="angehalten",
    ),
}
