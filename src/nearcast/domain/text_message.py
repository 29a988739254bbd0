"""How many segments a text message (SMS) goes in, each of which costs the price of one (3GPP TS 23.038 §6, TS 23.040
§9.2.3.24.1): 140 octets, of which those of a longer message lose 6 to a header that says how they follow each other.
"""

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED = frozenset("\f^{}\\[~]|€")
_SEPTETS_ALONE, _SEPTETS_EACH = 160, 153
_UNITS_ALONE, _UNITS_EACH = 70, 67


def segments(text: str) -> int:
    """At least 1. One letter outside the GSM alphabet makes all of it UCS-2; no letter is split between two.

    >>> segments("x" * 160), segments("x" * 161), segments("€" * 81), segments("−" * 70), segments("−" * 71)
    (1, 2, 2, 1, 2)
    """
    if all(letter in _BASIC or letter in _ESCAPED for letter in text):
        return _filled([2 if letter in _ESCAPED else 1 for letter in text], _SEPTETS_ALONE, _SEPTETS_EACH)
    return _filled([2 if ord(letter) > 0xFFFF else 1 for letter in text], _UNITS_ALONE, _UNITS_EACH)


def _filled(sizes: list[int], alone: int, each: int) -> int:
    if sum(sizes) <= alone:
        return 1
    count, used = 1, 0
    for size in sizes:
        if used + size > each:
            count, used = count + 1, 0
        used += size
    return count
