"""What is said in a chat of payments, in the languages that are spoken here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaymentWords:
    """Texts with places for what they are about."""

    asked: str
    paid: str
    too_late: str
    pay: str


PAYMENT_WORDS = {
    "en": PaymentWords(
        asked="{shop}: {what}, {amount}. Pay here until {until}.",
        paid="{shop}: we have received {amount} for {what}. Thank you!",
        too_late="{shop}: your payment of {amount} came too late. You get it back.",
        pay="Pay",
    ),
    "de": PaymentWords(
        asked="{shop}: {what}, {amount}. Hier bezahlen bis {until}.",
        paid="{shop}: {amount} für {what} sind angekommen. Danke!",
        too_late="{shop}: Deine Zahlung von {amount} kam zu spät. Du bekommst sie zurück.",
        pay="Bezahlen",
    ),
}
