"""A document as people read and print it: headings, lists and tables, in Markdown or HTML."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

_STYLE = (
    "body{font:11pt/1.4 serif;max-width:46em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;width:100%}td,th{border:1px solid #888;padding:.2em .5em;text-align:left;"
    "vertical-align:top;overflow-wrap:anywhere}h1,h2,h3{font-family:sans-serif}@media print{body{margin:0}}"
)
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class _Part:
    """A heading of `level`, or what stands under it: `facts` by name, or rows: with a `header` a table, without one a
    list.
    """

    level: int = 0
    heading: str = ""
    facts: Sequence[tuple[str, str]] = ()
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def as_markdown(document: Mapping[str, Any]) -> str:
    """`title` is the heading of all; the other keys are headings in their order."""
    return "\n".join(line for part in _parts(document) for line in _in_markdown(part))


def as_html(document: Mapping[str, Any]) -> str:
    """As `as_markdown`, as one page that needs nothing from elsewhere."""
    title = escape(str(document["title"]))
    body = "\n".join(line for part in _parts(document) for line in _in_html(part))
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _parts(document: Mapping[str, Any]) -> Iterator[_Part]:
    yield _Part(1, str(document["title"]))
    yield from _inside({key: value for key, value in document.items() if key != "title"}, 2)


def _inside(document: Mapping[str, Any], level: int) -> Iterator[_Part]:
    facts = [(_words(key), _text(value)) for key, value in document.items() if _is_plain(value)]
    if facts:
        yield _Part(facts=facts)
    for key, value in document.items():
        if _is_plain(value):
            continue
        yield _Part(min(level, _DEEPEST), _words(key))
        if isinstance(value, Mapping):
            yield from _inside(value, level + 1)
        elif all(isinstance(each, Mapping) for each in value):
            header = list(dict.fromkeys(name for each in value for name in each))
            rows = [[_text(each.get(name)) for name in header] for each in value]
            yield _Part(header=[_words(name) for name in header], rows=rows)
        else:
            yield _Part(rows=[[_text(each)] for each in value])


def _is_plain(value: object) -> bool:
    return not isinstance(value, Mapping | list) or not value


def _words(key: str) -> str:
    said = key.replace("_", " ")
    return said[:1].upper() + said[1:]


def _text(value: object) -> str:
    if value is None or value in ([], {}):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(map(_text, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{_words(key)}: {_text(each)}" for key, each in value.items())
    return str(value)


def _in_markdown(part: _Part) -> Iterator[str]:
    if part.heading:
        yield f"{'#' * part.level} {_one_line(part.heading)}"
    elif part.facts:
        yield from (f"- {_one_line(f'{name}: {value}')}" for name, value in part.facts)
    elif part.header:
        yield _row(part.header)
        yield _row(["---"] * len(part.header))
        yield from (_row([_one_line(cell) for cell in row]) for row in part.rows)
    else:
        yield from (f"- {_one_line(row[0])}" for row in part.rows)
    yield ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _one_line(text: str) -> str:
    """What somebody typed, so that it is text and nothing else."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", " ".join(text.split()))


def _in_html(part: _Part) -> Iterator[str]:
    if part.heading:
        yield f"<h{part.level}>{escape(part.heading)}</h{part.level}>"
    elif part.facts:
        rows = [f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in part.facts]
        yield f"<table>{''.join(rows)}</table>"
    elif part.header:
        rows = [_cells("th", part.header), *(_cells("td", row) for row in part.rows)]
        yield f"<table>{''.join(rows)}</table>"
    else:
        yield f"<ul>{''.join(f'<li>{escape(row[0])}</li>' for row in part.rows)}</ul>"


def _cells(tag: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
