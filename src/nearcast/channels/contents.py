"""What every channel can show of a content that was made for any of them."""

from nearcast.domain.errors import InvalidInput
from nearcast.domain.sending import Content, Template, Text


def as_text(content: Content, *, channel: str, most: int) -> Text:
    """A content as free words: those of a template are what it reads as. InvalidInput for what has none, or more than
    `most` characters, and for what asks for an answer of a kind that the channel has not.
    """
    match content:
        case Text():
            text = content
        case Template():
            text = Text(body=content.body)
        case _:
            raise InvalidInput(f"{channel} has nothing like a {type(content).__name__}", place="content")
    if not text.body.strip():
        raise InvalidInput("is empty", place="content.body")
    if len(text.body) > most:
        raise InvalidInput(f"has more than {most} characters", place="content.body")
    return text
