"""How many segments a text message goes in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.text_message import segments


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("x" * 306, 2),
        ("x" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("€" * 153, 3),  # 76 of them in a segment of 153 septets: the escape stays with its letter
        ("ç" * 70, 1),  # the alphabet has the capital alone
        ("ç" * 71, 2),
        ("−" * 134, 2),
        ("−" * 135, 3),
        ("🍦" * 35, 1),
        ("🍦" * 36, 2),
        ("🍦" * 67, 3),  # 33 of them in a segment: no pair is split
    ],
)
def test_letters_that_are_not_in_the_alphabet_make_a_message_dearer(text: str, count: int) -> None:
    assert segments(text) == count


@given(st.text(max_size=250), st.text(max_size=20))
def test_more_words_never_need_fewer_segments_and_none_holds_more_than_160(text: str, more: str) -> None:
    assert segments(text + more) >= segments(text) >= max(1, len(text) / 160)
