"""What people mean by single words in a chat, and what is left to others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.chat_words import StaffWord, Wish, near_word, plain, staff_word


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("sold out", StaffWord(wish=Wish.PAUSE, language="en")),
        (" SOLD-OUT!! ", StaffWord(wish=Wish.PAUSE, language="en")),
        ("Ausverkauft 😢", StaffWord(wish=Wish.PAUSE, language="de")),
        ("pause Coffee after four", StaffWord(wish=Wish.PAUSE, language="en", about="coffee after four")),
        ("stop coffee", StaffWord(wish=Wish.PAUSE, language="en", about="coffee")),
        ("go", StaffWord(wish=Wish.RESUME, language="en")),
        ("Weiter.", StaffWord(wish=Wish.RESUME, language="de")),
        ("go on", StaffWord(wish=Wish.RESUME, language="en")),
        ("resume: espresso", StaffWord(wish=Wish.RESUME, language="en", about="espresso")),
    ],
)
def test_what_staff_say_is_understood(said: str, meant: StaffWord):
    assert staff_word(said) == meant


@pytest.mark.parametrize("said", ["stop", " Stop! ", "STOPP", "start", "", "hello", "we are sold out", "pauses", "👍"])
def test_what_is_a_customers_word_or_none_is_nobody_elses(said: str):
    assert staff_word(said) is None


@pytest.mark.parametrize(
    ("said", "language"), [("near", "en"), ("Nearby?", "en"), ("in der Nähe", "de"), ("nah", None)]
)
def test_who_asks_for_what_is_near_is_understood_in_their_language(said: str, language: str | None):
    assert near_word(said) == language


@given(st.text(max_size=60))
def test_any_text_is_read_the_same_however_often_it_is_made_plain(text: str):
    assert plain(plain(text)) == plain(text)
    assert staff_word(text) == staff_word(plain(text))
