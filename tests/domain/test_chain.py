"""The chain of a ledger: untouched it has no flaw, and nothing can be done to it without one."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.chain import BEGINNING, NOTHING, Flaw, Head, Link, Wrong, flaws_of, link_hash, root_of

Chained: TypeAlias = tuple[list[Link], Head]


def chained(contents: Sequence[dict[str, Any]]) -> Chained:
    """A chain as it is written, line after line."""
    links: list[Link] = []
    head = NOTHING
    for n, content in enumerate(contents, 1):
        row_hash = link_hash(content, n, head.hash)
        links.append(Link(name=f"e{n}", position=n, content=content, prev_hash=head.hash, row_hash=row_hash))
        head = Head(n, row_hash)
    return links, head


def wrongs(links: Sequence[Link], head: Head | None) -> list[tuple[int, Wrong]]:
    return [(flaw.position, flaw.wrong) for flaw in flaws_of("s", links, head)]


def moved(link: Link, position: int) -> Link:
    return replace(link, position=position)


def rewritten(link: Link, content: dict[str, Any]) -> Link:
    """A line changed by somebody who knows how its hash is made."""
    return replace(link, content=content, row_hash=link_hash(content, link.position, link.prev_hash))


LINKS, HEAD = chained([{"action": action} for action in ("granted", "confirmed", "withdrawn", "granted")])
OTHER = {"action": "granted again"}


def test_a_chain_as_it_was_written_has_no_flaw():
    assert wrongs(LINKS, HEAD) == []
    assert wrongs([], NOTHING) == []


@pytest.mark.parametrize(
    ("links", "found"),
    [
        ([LINKS[0], replace(LINKS[1], content=OTHER), *LINKS[2:]], [(2, Wrong.CHANGED)]),
        ([LINKS[0], rewritten(LINKS[1], OTHER), *LINKS[2:]], [(3, Wrong.NOT_LINKED)]),
        ([*LINKS[:3], rewritten(LINKS[3], OTHER)], [(4, Wrong.END_CHANGED)]),
        ([LINKS[0], *LINKS[2:]], [(2, Wrong.MISSING)]),
        (LINKS[1:], [(1, Wrong.MISSING)]),
        (LINKS[:2], [(3, Wrong.CUT_OFF), (4, Wrong.CUT_OFF)]),
        ([], [(n, Wrong.CUT_OFF) for n in (1, 2, 3, 4)]),
        ([*LINKS, chained([OTHER] * 5)[0][4]], [(5, Wrong.NOT_LINKED), (5, Wrong.ADDED)]),
        (
            [LINKS[0], moved(LINKS[2], 2), moved(LINKS[1], 3), LINKS[3]],
            [(2, Wrong.CHANGED), (3, Wrong.CHANGED), (4, Wrong.NOT_LINKED)],
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_place(links: list[Link], found: list[tuple[int, Wrong]]):
    assert wrongs(links, HEAD) == found


def test_a_chain_whose_end_is_not_on_record_is_not_trusted():
    assert list(flaws_of("s", LINKS, None)) == [Flaw("s", 4, Wrong.NO_END, "e4")]


def test_a_hash_covers_the_words_and_not_the_order_of_the_keys():
    assert link_hash({"a": 1, "b": "ü"}, 1, BEGINNING) == link_hash({"b": "ü", "a": 1}, 1, BEGINNING)
    assert len({link_hash({"a": n}, p, h) for n in (1, 2) for p in (1, 2) for h in ("x", "y")}) == 8


contents = st.lists(st.dictionaries(st.sampled_from("abc"), st.none() | st.text(max_size=3)), min_size=1, max_size=6)
Attack: TypeAlias = Callable[[list[Link], int], list[Link]]
ATTACKS: dict[str, Attack] = {
    "changed": lambda links, n: [*links[:n], replace(links[n], content={"d": "new"}), *links[n + 1 :]],
    "changed with its hash": lambda links, n: [*links[:n], rewritten(links[n], {"d": "new"}), *links[n + 1 :]],
    "taken out": lambda links, n: [*links[:n], *links[n + 1 :]],
    "taken out, the rest moved up": lambda links, n: [*links[:n], *(moved(x, x.position - 1) for x in links[n + 1 :])],
    "cut off": lambda links, n: links[:n],
    "put in": lambda links, n: [
        *links[:n],
        rewritten(links[n], {"d": "new"}),
        *(moved(link, link.position + 1) for link in links[n:]),
    ],
    "added": lambda links, n: [*links, rewritten(moved(links[n], len(links) + 1), {"d": "new"})],
}


@given(contents, st.data())
def test_whatever_is_done_to_one_line_is_seen(contents: list[dict[str, Any]], data: st.DataObject):
    links, head = chained(contents)
    attack = ATTACKS[data.draw(st.sampled_from(sorted(ATTACKS)))]
    touched = attack(links, data.draw(st.integers(0, len(links) - 1)))
    assert wrongs(links, head) == []
    assert wrongs(touched, head) != []


def test_a_root_changes_with_every_chain():
    heads = [("anna", Head(2, "ab")), ("bob", Head(1, "cd"))]
    roots = {root_of(heads), root_of(heads[:1]), root_of([heads[0], ("bob", Head(2, "cd"))]), root_of([])}
    assert len(roots) == 4
    assert root_of(heads) == root_of(list(heads))
