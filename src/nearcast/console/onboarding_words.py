"""What the onboarding page says besides the notices, in the languages that these are in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    title: str
    lead: str
    agree: str
    more: str
    agreed: str
    scan: str
    open_app: str
    copy: str
    check_in: str
    waits: str
    withdraw: str
    over: str
    withdrawn: str
    browser_on: str
    browser_off: str
    browser_live: str
    browser_refused: str
    browser_failed: str
    chat_on: str
    chat_off: str
    chat_live: str


WORDS = {
    "en": Words(
        title="Offers near you",
        lead="{controller} asks you for this. Nothing is shared until you agree.",
        agree="I agree",
        more="Agree to what is ticked",
        agreed="You have agreed.",
        scan="Scan this with the phone that is to share its position, or open the link there. It is yours alone: do "
        "not pass it on.",
        open_app="Set up {app} on this phone",
        copy="Copy this address into {app}:",
        check_in="Open the check-in page",
        waits="Offers by {channel}: you will be asked once more before the first one.",
        withdraw="Take my consent back and end this link",
        over="This link leads nowhere any more. Ask for a new one.",
        withdrawn="You have taken your consent back. Nothing is shared any more, and this link has ended.",
        browser_on="Show me offers in this browser",
        browser_off="No more offers in this browser",
        browser_live="You get offers in a browser.",
        browser_refused="Your browser was told to show nothing. Allow notifications for this site in its settings.",
        browser_failed="That did not work. Nothing was agreed to. Try it again later.",
        chat_on="Get offers by Telegram",
        chat_off="No more offers by Telegram",
        chat_live="You get offers by Telegram.",
    ),
    "de": Words(
        title="Angebote in deiner Nähe",
        lead="{controller} bittet dich darum. Bis du zustimmst, wird nichts geteilt.",
        agree="Ich stimme zu",
        more="Dem Angekreuzten zustimmen",
        agreed="Du hast zugestimmt.",
        scan="Scanne dies mit dem Telefon, das seine Position teilen soll, oder öffne dort den Link. Er gehört nur "
        "dir: gib ihn nicht weiter.",
        open_app="{app} auf diesem Telefon einrichten",
        copy="Kopiere diese Adresse in {app}:",
        check_in="Check-in-Seite öffnen",
        waits="Angebote per {channel}: vor dem ersten wirst du noch einmal gefragt.",
        withdraw="Zustimmung zurücknehmen und diesen Link beenden",
        over="Dieser Link führt nirgendwohin mehr. Bitte um einen neuen.",
        withdrawn="Du hast deine Zustimmung zurückgenommen. Es wird nichts mehr geteilt, und dieser Link ist beendet.",
        browser_on="Angebote in diesem Browser zeigen",
        browser_off="Keine Angebote mehr in diesem Browser",
        browser_live="Du bekommst Angebote in einem Browser.",
        browser_refused="Dein Browser soll nichts zeigen. Erlaube Mitteilungen dieser Seite in seinen Einstellungen.",
        browser_failed="Das hat nicht geklappt. Es wurde nichts zugestimmt. Versuch es später noch einmal.",
        chat_on="Angebote per Telegram bekommen",
        chat_off="Keine Angebote mehr per Telegram",
        chat_live="Du bekommst Angebote per Telegram.",
    ),
}
