"""What is said in a chat of payments, in the languages that are spoken here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaymentWords:
    """Texts with places for what they are about."""

    asked: str
    paid: str
    too_late: str


PAYMENT_WORDS = {
    "en": PaymentWords(
        asked="{shop}: {what}, {amount}. Pay here until {until}: {url}",
        paid="{shop}: we have received {amount} for {what}. Thank you!",
        too_late="{shop}: your payment of {amount} came too late. You get it back.",
    ),
    "de": PaymentWords(
        asked="{shop}: {what}, {amount}. Hier bezahlen bis {until}: {url}",
        paid="{shop}: {amount} für {what} sind angekommen. Danke!",
        too_late="{shop}: Deine Zahlung von {amount} kam zu spät. Du bekommst sie zurück.",
    ),
}
