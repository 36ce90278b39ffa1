"""The value of a YAML text and the position of each part, restricted to the types of JSON.

Only true and false are booleans, numbers are decimal, dates stay text, and every key is text; YAML
1.1 would read the labels [yes, no] as [True, False] and 12:30 as 750. PyYAML parses but does not
construct values, since its constructors fail in many ways on hostile scalars.
"""

from __future__ import annotations

import re
from typing import Any, cast

import yaml

from flywheel.places import BadPlace, Loc, Place, Places, check_scalar, shorten

# Nested aliases can expand to billions of values in a few lines.
_MOST_VALUES = 1_000_000
_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_PATTERNS = {
    "null": re.compile(r"~|null|Null|NULL|"),
    "bool": re.compile(r"true|True|false|False"),
    "int": re.compile(r"[-+]?(?:0|[1-9][0-9]*)"),
    "float": re.compile(
        r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+"
    ),
}


def read_yaml(text: str) -> tuple[Any, Places]:
    """The value of a YAML text and the positions in it. Raises BadPlace when it is not YAML."""
    loader: Any = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        walk = _Walk()
        return (None if node is None else walk.value(node, ())), walk.places
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise BadPlace(f"not YAML: {error.problem}", place) from None
    except yaml.reader.ReaderError as error:
        raise BadPlace(f"not YAML: {error.reason}", _place_at(text, error.position)) from None
    except RecursionError:
        raise BadPlace("nested too deeply to read", _place_of(loader.get_mark())) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        if isinstance(error, BadPlace):
            raise
        # PyYAML's scanner fails on an escape beyond the last code point, for example.
        place = (1, 1) if loader is None else _place_of(loader.get_mark())
        raise BadPlace(f"not YAML: {error}", place) from None


class _Loader(yaml.SafeLoader):
    """PyYAML's parser, with fewer spellings of numbers, booleans and dates."""

    yaml_implicit_resolvers = {  # noqa: RUF012  the base class has the same mutable table
        first: [pair for pair in resolvers if pair[0] in (f"{_TAG}null", _MERGE)]
        for first, resolvers in cast("Any", yaml.SafeLoader).yaml_implicit_resolvers.items()
    }


for _name, _first in (("bool", "tTfF"), ("int", "-+0123456789"), ("float", "-+0123456789.")):
    cast("Any", _Loader).add_implicit_resolver(
        f"{_TAG}{_name}", re.compile(f"^(?:{_PATTERNS[_name].pattern})$"), list(_first)
    )


class _Walk:
    """Converts nodes to values, and records the position of each by its path."""

    def __init__(self) -> None:
        self.places: dict[Loc, Place] = {(): (1, 1)}
        self._open: set[int] = set()

    def value(self, node: yaml.Node, path: Loc) -> Any:
        """The value of a node whose own position is already recorded."""
        if len(self.places) > _MOST_VALUES:
            raise BadPlace("its aliases stand for too many values", (1, 1))
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        place = _place_of(node.start_mark)
        wanted = "map" if isinstance(node, yaml.MappingNode) else "seq"
        if node.tag != f"{_TAG}{wanted}":
            raise BadPlace(f"the tag {_named(node.tag)} is not supported; remove it", place)
        if id(node) in self._open:
            raise BadPlace("an alias stands for the value that it is part of", place)
        self._open.add(id(node))
        value = self._mapping(node, path) if wanted == "map" else self._sequence(node, path)
        self._open.discard(id(node))
        return value

    def _sequence(self, node: Any, path: Loc) -> list[Any]:
        values: list[Any] = []
        for index, inner in enumerate(cast("list[yaml.Node]", node.value)):
            self.places[(*path, index)] = _place_of(inner.start_mark)
            values.append(self.value(inner, (*path, index)))
        return values

    def _mapping(self, node: Any, path: Loc) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            place = _place_of(key_node.start_mark)
            if key_node.tag == _MERGE:
                merged.append(value_node)
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                raise BadPlace("a key is one word or a quoted text", place)
            key = str(key_node.value)
            check_scalar(key, key, place)
            if key in values:
                raise BadPlace(f"the key {key!r} is given twice", place)
            self.places[(*path, key)] = place
            values[key] = self.value(value_node, (*path, key))
        for inner in merged:
            self._merge(inner, path, values)
        return values

    def _merge(self, node: Any, path: Loc, values: dict[str, Any]) -> None:
        """Merge the mapping or mappings of `<<`. Keys that already exist keep their values."""
        place = _place_of(node.start_mark)
        inners = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for inner in cast("list[yaml.Node]", inners):
            if not isinstance(inner, yaml.MappingNode):
                raise BadPlace("<< takes a mapping, or a list of mappings", place)
            known, self.places = self.places, {(): place}
            found = self.value(inner, ())
            self.places, fresh = known, self.places
            for key in found.keys() - values.keys():
                values[key] = found[key]
                for loc, at in fresh.items():
                    if loc[:1] == (key,):
                        self.places[(*path, *loc)] = at


def _scalar(node: yaml.ScalarNode) -> Any:
    name, text, place = node.tag.removeprefix(_TAG), str(node.value), _place_of(node.start_mark)
    if name not in (*_PATTERNS, "str"):
        raise BadPlace(f"the tag {_named(node.tag)} is not supported; remove it", place)
    if name in _PATTERNS and not _PATTERNS[name].fullmatch(text):
        raise BadPlace(f"not YAML: {shorten(text)!r} is no {name}", place)
    value: Any = text
    match name:
        case "null":
            value = None
        case "bool":
            value = text.lower() == "true"
        case "float":
            value = float(text)
        case "int":
            # Python reads no integer of more than 4,300 digits, and no double holds one of 310.
            value = int(text) if len(text) <= 4000 else float("inf")
        case _:
            pass
    check_scalar(value, text, place)
    return value


def _named(tag: str) -> str:
    return repr(shorten(f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag))


def _place_of(mark: Any) -> Place:
    return mark.line + 1, mark.column + 1


def _place_at(text: str, position: int) -> Place:
    before = text[:position]
    return before.count("\n") + 1, position - before.rfind("\n")
