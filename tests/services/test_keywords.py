"""Words by which messages end, begin or are asked about, in many languages and spellings."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.services.keywords import Word, meaning, normal


def said(text: str) -> Word | None:
    found = meaning(text)
    return None if found is None else found.word


@pytest.mark.parametrize(
    "text",
    [
        *(
            " stop ",
            "STOPALL",
            "Stop.",
            "ARRET",
            "please stop texting me",
            "STOPP",
            " Stop! ",
            "🛑 Stop 🛑",
            "ＳＴＯＰ",
        ),
        *("Arrêt", "Abmelden", "bitte keine Werbung mehr", "Sair", "parar", "darme de baja por favor", "baja", "alto"),
        *("basta", "uitschrijven", "REZYGNUJĘ", "çıkış", "ÇIKIŞ", "opt-out", "Opt Out", "Stop offers", "stop it now"),
    ],
)
def test_an_end_alone_or_with_courtesy_is_an_end(text: str) -> None:
    assert said(text) is Word.STOP


@pytest.mark.parametrize("text", ["when does the bus stop?", "Don't stop", "cancel my order", "is the pub a bus stop"])
def test_an_end_among_other_words_is_for_somebody_to_read(text: str) -> None:
    assert said(text) is Word.MAYBE_STOP


@pytest.mark.parametrize("text", ["Cancel", "cancelar", "ANNULER", "stornieren", "İPTAL"])
def test_what_may_be_about_something_else_is_ambiguous(text: str) -> None:
    assert said(text) is Word.AMBIGUOUS


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Start", Word.START),
        ("YES!", Word.YES),
        ("já", Word.YES),
        ("Sì", Word.YES),
        ("unstop", Word.START),
        ("HILFE", Word.HELP),
        ("?", Word.HELP),
        ("yardım", Word.HELP),
    ],
)
def test_beginnings_and_questions_are_known(text: str, word: Word) -> None:
    assert said(text) is word


@pytest.mark.parametrize(
    "text", ["", "🙂", "hello", "fine", "Is the table still free at 8?", "are you open to the end"]
)
def test_everything_else_is_about_something_else(text: str) -> None:
    assert said(text) is None


@given(
    st.sampled_from(["stop", "stopp", "abmelden", "désabonner", "çıkış", "baja"]),
    st.text("!.… *_~-\"'()🛑\t\n", max_size=4),
    st.text("!.… *_~-\"'()🛑\t\n", max_size=4),
    st.booleans(),
)
def test_however_it_is_spelt(word: str, before: str, after: str, is_loud: bool) -> None:
    assert said(before + (word.upper() if is_loud else word) + after) is Word.STOP


@settings(max_examples=30)
@given(st.text(max_size=60))
def test_any_text_has_a_normal_form_that_stays(text: str) -> None:
    assert normal(normal(text)) == normal(text)
    meaning(text)
