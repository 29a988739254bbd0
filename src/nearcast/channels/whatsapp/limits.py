"""What Meta takes, in characters and counts (messaging reference §1.2).

Where Meta's pages and Meta's own description of its API differ, the stricter holds.
"""

import re

from nearcast.domain.errors import InvalidInput

BODY = 4096
INTERACTIVE_BODY = 1024
TEMPLATE_BODY = 1024
TIMED_OFFER_BODY = 600
BUTTONS = 3
BUTTON_ID = 256
BUTTON_TITLE = 20
LIST_LABEL = 20
ROWS = 10
ROW_ID = 200
ROW_TITLE = 24
ROW_DESCRIPTION = 72
TEMPLATE_BUTTONS = 10
HEADER = 60
VARIABLE = 1024
PAYLOAD = 256
URL_SUFFIX = 2000
LINK = 2000
CODE = 15
TAG = 512

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_USER_ID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
_TEMPLATE_NAME = re.compile(r"[a-z0-9_]{1,512}")
_VARIABLE_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z][A-Za-z]{1,3})?")
_LINK = re.compile(r"https://[^\s/?#]+\S*")
_CODE = re.compile(r"[A-Za-z0-9]+")
_GAP = re.compile(r"[\t-\r\x1c-\x1e\x85\u2028\u2029]| {4}")


def number(said: str) -> str:
    """In E.164 with its plus: without one, Meta would put our own country's code in front."""
    return _like(_NUMBER, said, "to", "is no number in E.164")


def user_id(said: str) -> str:
    return _like(_USER_ID, said, "recipient", "is no user id")


def template_name(said: str) -> str:
    return _like(_TEMPLATE_NAME, said, "template.name", "has other letters than a-z, 0-9 and _, or too many")


def language(said: str) -> str:
    return _like(_LANGUAGE, said, "template.language", "is no language code like de or pt_BR")


def variable_name(said: str) -> str:
    return _like(_VARIABLE_NAME, said, "template.variables", "has a name with other letters than a-z, 0-9 and _")


def code(said: str) -> str:
    """What is copied with one tap."""
    return _like(_CODE, text(said, CODE, "template.code"), "template.code", "has other letters than A-Z, a-z and 0-9")


def link(said: str, place: str) -> str:
    """An address that the provider fetches something from."""
    return _like(_LINK, at_most(said, LINK, place), place, "is no address that begins with https://")


def text(said: str, most: int, place: str) -> str:
    """Something to read, of at most so many characters."""
    if not said.strip():
        raise InvalidInput("is empty", place=place)
    return at_most(said, most, place)


def at_most(said: str, most: int, place: str) -> str:
    if len(said) > most:
        raise InvalidInput(f"has {len(said)} characters, and {most} are taken", place=place)
    return said


def one_line(said: str, most: int, place: str) -> str:
    """What may stand in a template's place: neither empty, nor with a line break, a tab or four blanks in a row."""
    if _GAP.search(said):
        raise InvalidInput("has a line break, a tab or four blanks in a row", place=place)
    return text(said, most, place)


def name(said: str, most: int, place: str) -> str:
    """An id that comes back: nothing around it."""
    if said != said.strip():
        raise InvalidInput("has blanks around it", place=place)
    return text(said, most, place)


def count(found: int, most: int, place: str) -> None:
    if not 1 <= found <= most:
        raise InvalidInput(f"there are {found}, and 1 to {most} are taken", place=place)


def different(said: list[str], place: str) -> None:
    if len(set(said)) < len(said):
        raise InvalidInput("two are the same", place=place)


def _like(pattern: re.Pattern[str], said: str, place: str, complaint: str) -> str:
    if not pattern.fullmatch(said):
        raise InvalidInput(complaint, place=place)
    return said
