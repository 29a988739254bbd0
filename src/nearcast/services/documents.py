"""Documents that people write by hand: JSON and YAML 1.2, with errors that lead to the line."""

import json
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from nearcast.domain.errors import InvalidInput


def read_document(path: Path) -> Any:
    """The decoded YAML or JSON of a file, by its ending.

    YAML is read as YAML 1.2 has it: `on` is a word, 21:00 is text, and instants stay text until a field says that it
    is one. Duplicate keys are refused. InvalidInput names the file and the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}", place=str(path)
        ) from error
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", place=str(path)) from error
    try:
        document = _read_json(text) if path.suffix.lower() in (".json", ".geojson") else _read_yaml(text)
        if _SURROGATE.search(text):
            _refuse_surrogates(document)
        return document
    except InvalidInput as error:
        raise error.within(str(path)) from error
    except RecursionError as error:
        raise InvalidInput("is nested too deeply", place=str(path)) from error


_DEEPEST = 100
_SURROGATE = re.compile(r"\\[uU](?:0000)?[dD][89a-fA-F]")


def _refuse_surrogates(document: Any) -> None:
    """Half a character can be escaped, but not written into any file."""
    try:
        json.dumps(document, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start].encode("ascii", "backslashreplace").decode()
        raise InvalidInput(f"{half} is half a character") from error


def _read_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates)
    except _DuplicateKey:
        return _read_yaml(text)  # which knows the line
    except json.JSONDecodeError as error:
        raise InvalidInput(f"is not JSON: {error.msg}", place=f"line {error.lineno}, column {error.colno}") from error
    except ValueError as error:  # an integer of thousands of digits
        raise InvalidInput(f"is not JSON: {error}") from error


class _DuplicateKey(ValueError):
    """A JSON object that says two things of one key."""


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _DuplicateKey(f"key {next(key for key in keys if keys.count(key) > 1)!r} is there twice")
    return found


class _Yaml12Loader(yaml.CSafeLoader):
    """PyYAML reads YAML 1.1, where `on` is true and 21:00 is 1260; this keeps to the core schema of 1.2."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own class attribute

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        return int(self.construct_scalar(node))  # 010 is ten

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(None, None, "a key must be plain", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is there twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


_Yaml12Loader.add_constructor("tag:yaml.org,2002:int", _Yaml12Loader.construct_yaml_int)

_CORE_SCHEMA = (
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:int", r"^[-+]?[0-9]+$", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        "-+.0123456789",
    ),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", "~nN\0"),
)


def _install_core_schema() -> None:
    for tag, pattern, first in _CORE_SCHEMA:
        letters = ["" if letter == "\0" else letter for letter in first]
        _Yaml12Loader.add_implicit_resolver(tag, re.compile(pattern), letters)


_install_core_schema()


def _where(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _refuse_depth(text: str) -> None:
    """Composing a document recurses in C, where too much of it ends the process."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise InvalidInput("is nested too deeply", place=_where(event.start_mark))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _read_yaml(text: str) -> Any:
    try:
        _refuse_depth(text)
        return yaml.load(text, Loader=_Yaml12Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        raise InvalidInput(f"is not YAML: {error.problem}", place=_where(error.problem_mark)) from error
    except (
        yaml.YAMLError,
        ValueError,
        KeyError,
        AttributeError,
        TypeError,
    ) as error:  # `!!int x` fails as int("x") does
        raise InvalidInput(f"is not YAML: {error}") from error
