"""The scenario as YAML: readable by people, one row per line, the same to YAML 1.1 and 1.2 readers."""

import re
from collections.abc import Iterable
from typing import Any, TypeAlias

import yaml

Node: TypeAlias = dict[str, Any]
_AMBIGUOUS = re.compile(r"[:{}]|^\d|^on$")
_ONE_PER_LINE = ("shops", "customers", "consents", "events")


class _Row(dict[str, Any]):
    """A mapping on one line."""


class _Items(list[Any]):
    """A list on one line."""


class _Dumper(yaml.CSafeDumper):
    """Quotes what YAML 1.1 and 1.2 may read differently: "21:00" was once a number in base sixty, "on" a yes."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _row(dumper: yaml.CSafeDumper, row: _Row) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", row.items(), flow_style=True)


def _items(dumper: yaml.CSafeDumper, items: _Items) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if _AMBIGUOUS.search(text) else None)


_Dumper.add_representer(_Row, _row)
_Dumper.add_representer(_Items, _items)
_Dumper.add_representer(str, _text)


def to_yaml(scenario: Node, heading: str) -> str:
    """The scenario with a comment above it."""
    laid_out = {
        key: [_Row(row) for row in value] if key in _ONE_PER_LINE else _compact(value)
        for key, value in scenario.items()
    }
    text: str = yaml.dump(
        laid_out, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=False
    )
    return f"# {heading}\n{text}"


def _compact(value: Any) -> Any:
    """Mappings and lists that hold nothing but scalars go on one line."""
    if isinstance(value, dict):
        inner = {key: _compact(item) for key, item in value.items()}
        return _Row(inner) if _is_flat(value.values()) else inner
    if isinstance(value, list):
        return _Items(value) if _is_flat(value) else [_compact(item) for item in value]
    return value


def _is_flat(values: Iterable[Any]) -> bool:
    return not any(isinstance(item, dict | list) for item in values)
