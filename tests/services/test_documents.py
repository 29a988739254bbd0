"""Documents written by hand: YAML 1.2 and JSON mean what they say, and a fault is found by its line."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.domain.errors import InvalidInput
from nearcast.services.documents import read_document


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """What a file of that ending and content says."""

    def read_as(content: str | bytes, ending: str = "yaml") -> Any:
        path = tmp_path / f"document.{ending}"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_document(path)

    return read_as


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        # words that YAML 1.1 took for true and false
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("tRUE", "tRUE"),
        # times and dates stay text
        ("21:00", "21:00"),
        ("1:30:00", "1:30:00"),
        ("2026-10-03", "2026-10-03"),
        ("2026-06-02T10:00:00Z", "2026-06-02T10:00:00Z"),
        # numbers are decimal
        ("0", 0),
        ("10", 10),
        ("-3", -3),
        ("+3", 3),
        ("1_000", "1_000"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-1.5E-3", -0.0015),
        ("1.2.3", "1.2.3"),
        ("1e", "1e"),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        ("10m", "10m"),
        # nothing
        ("", None),
        ("~", None),
        ("null", None),
        ("none", "none"),
        # text that is quoted is text
        ("'10'", "10"),
        ('"on"', "on"),
        ("'null'", "null"),
        ("=", "="),
        ("[on, 21:00, 10]", ["on", "21:00", 10]),
        ("{on: enter}", {"on": "enter"}),
        ("&a [1]", [1]),
    ],
)
def test_yaml_is_read_as_yaml_1_2(read: Any, written: str, meant: object) -> None:
    found = read(f"key: {written}\n")["key"]
    assert found == meant
    assert type(found) is type(meant)


def test_not_a_number_is_a_number(read: Any) -> None:
    assert math.isnan(read("key: .nan")["key"])


@pytest.mark.parametrize(("written", "meant"), [("010", 10), ("-010", -10), ("00", 0), ("08", 8)])
def test_leading_zeros_are_no_octal_and_no_fraction(read: Any, written: str, meant: int) -> None:
    found = read(f"key: {written}")["key"]
    assert (found, type(found)) == (meant, int)


@pytest.mark.parametrize(
    ("content", "document"),
    [
        ("on: enter\nuntil: 21:00\n", {"on": "enter", "until": "21:00"}),
        ("- 1\n- a: 2\n", [1, {"a": 2}]),
        ("a: &x {b: 1}\nc: *x\n", {"a": {"b": 1}, "c": {"b": 1}}),
        ("'<<': 1", {"<<": 1}),
        ("# nothing\n", None),
        ("", None),
        ("\ufeffa: 1", {"a": 1}),
        ("text: Café Zoë −20 %", {"text": "Café Zoë −20 %"}),
    ],
)
def test_a_yaml_document(read: Any, content: str, document: object) -> None:
    assert read(content) == document
    assert read(content, "yml") == document


@pytest.mark.parametrize(
    ("content", "document"),
    [
        ('{"on": true, "until": "21:00", "n": [1, 2.5, null]}', {"on": True, "until": "21:00", "n": [1, 2.5, None]}),
        ("[]", []),
        ("\ufeff{}", {}),
        ('{"a": {"k": 1}, "b": {"k": 1}}', {"a": {"k": 1}, "b": {"k": 1}}),
    ],
)
@pytest.mark.parametrize("ending", ["json", "geojson", "JSON"])
def test_a_json_document(read: Any, content: str, document: object, ending: str) -> None:
    assert read(content, ending) == document


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3, column 1: is not YAML: key 'a' is there twice"),
        ("a: {b: 1, b: 2}", "line 1, column 11: is not YAML: key 'b' is there twice"),
        ("1: x\n1: y", "line 2, column 1: is not YAML: key 1 is there twice"),
        ("a: x\n'a': y", "line 2, column 1: is not YAML: key 'a' is there twice"),
        ("events:\n  - at: 1\n    at: 2\n", "line 3, column 5: is not YAML: key 'at' is there twice"),
        ("? [a]\n: 1", "line 1, column 3: is not YAML: a key must be plain"),
        ("a: b: c", "line 1, column 5: is not YAML: mapping values are not allowed"),
        ("a: 'open\n", "is not YAML: found unexpected end of stream"),
        ("a: [1, 2\nb: 3", "line 2"),
        ("a: *nobody", "line 1, column 4: is not YAML: found undefined alias"),
        ("--- 1\n--- 2\n", "line 2, column 1: is not YAML"),
        ("a: !!python/name:os.system x", "line 1, column 4: is not YAML: could not determine a constructor"),
        ("a: !shop x", "line 1, column 4: is not YAML"),
        ("a: \x00", "is not YAML: unacceptable character"),
        ("a: !!int x", "is not YAML"),
        ("a: !!bool x", "is not YAML"),
        ("a: !!timestamp x", "is not YAML"),
        ("a: " + "9" * 5000, "is not YAML"),
    ],
)
def test_a_fault_in_yaml_is_found_by_its_line(read: Any, content: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(content)
    assert "document.yaml: " in str(refused.value)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"a": 1,\n "b": }', "line 2, column 7: is not JSON: Expecting value"),
        ('{"a": 1,}', "line 1, column 9: is not JSON: "),
        ("", "line 1, column 1: is not JSON: Expecting value"),
        ("{'a': 1}", "line 1, column 2: is not JSON: "),
        ('{"a": 1, "b": 2, "a": 3}', "key 'a' is there twice"),
        ('{"a": [{"b": 1, "b": 2}]}', "key 'b' is there twice"),
        ('{"a": ' + "9" * 5000 + "}", "is not JSON: "),
        ('{"a": "\\ud800"}', "\\ud800 is half a character"),
    ],
)
def test_a_fault_in_json_is_named(read: Any, content: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(content, "json")
    assert "document.json: " in str(refused.value)
    assert said in str(refused.value)


def test_a_duplicate_key_in_json_is_found_by_its_line(read: Any) -> None:
    with pytest.raises(InvalidInput, match="line 2"):
        read('{"a": 1,\n "a": 2}', "json")


@pytest.mark.parametrize("levels", [101, 50_000])
def test_yaml_nested_too_deeply(read: Any, levels: int) -> None:
    with pytest.raises(InvalidInput, match=r"document\.yaml: line 1, column 10\d: is nested too deeply"):
        read("a: " + "[" * levels + "]" * levels, "yaml")


def test_a_document_nested_too_deeply(read: Any) -> None:
    with pytest.raises(InvalidInput, match=r"document\.json: is nested too deeply"):
        read("[" * 50_000 + "]" * 50_000, "json")


@pytest.mark.parametrize("ending", ["yaml", "json"])
def test_a_document_that_is_not_utf_8(read: Any, ending: str) -> None:
    with pytest.raises(InvalidInput, match=r"is not UTF-8: byte 3 is 0xe9"):
        read("Café".encode("latin-1"), ending)


def test_a_document_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(InvalidInput, match="cannot be read") as refused:
            read_document(path)
        assert refused.value.place == str(path)


texts = st.text("aé:-{}'\"#,[]&*!|>% \n", max_size=8)
scalars = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
documents = st.recursive(
    scalars | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60)
@given(documents)
def test_json_is_read_alike_as_json_and_as_yaml(tmp_path_factory: pytest.TempPathFactory, document: object) -> None:
    for ending in ("json", "yaml"):
        path = tmp_path_factory.getbasetemp() / f"alike.{ending}"
        path.write_text(json.dumps(document), encoding="utf-8")
        assert read_document(path) == document
