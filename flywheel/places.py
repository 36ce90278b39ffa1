"""Where each value of a JSON or YAML text stands: path -> (line, column), counted from 1.

A key's own place stands for its value, so an unknown key is pointed at directly. A key given twice
is refused: the readers would silently keep the last one.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, cast

import yaml

Place = tuple[int, int]
Loc = tuple[str | int, ...]
Places = Mapping[Loc, Place]

# Aliases of aliases can stand for billions of values in a few lines.
_MOST_VALUES = 1_000_000


class BadPlace(ValueError):
    """The text is at fault at this line and column."""

    def __init__(self, story: str, place: Place) -> None:
        super().__init__(story)
        self.line, self.column = place


def json_places(text: str) -> Places:
    """The places in a text that is known to be JSON."""
    return _JsonWalk(text).places


def yaml_places(text: str) -> tuple[Any, Places]:
    """The value of a YAML text and the places in it. Raises BadPlace when it is not YAML."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        places: dict[Loc, Place] = {(): (1, 1)}
        if node is None:
            return None, places
        _walk_yaml(node, (), places)
        return cast("Any", loader).construct_document(node), places
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise BadPlace(f"not YAML: {error.problem}", place) from None
    except BadPlace:
        raise
    except (yaml.YAMLError, ValueError, KeyError, AttributeError) as error:
        raise BadPlace(f"not YAML: {error}", (1, 1)) from None


class _JsonWalk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.scan = json.JSONDecoder().raw_decode
        self.line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self.places: dict[Loc, Place] = {}
        self._skip()
        self.places[()] = self._place()
        self._value(())

    def _value(self, path: Loc) -> None:
        opened = self.text[self.at]
        if opened == "{":
            self._members(path, "}")
        elif opened == "[":
            self._members(path, "]")
        else:
            self.at = self.scan(self.text, self.at)[1]

    def _members(self, path: Loc, closing: str) -> None:
        self.at += 1
        self._skip()
        index = 0
        while self.text[self.at] != closing:
            place = self._place()
            key: str | int = index
            if closing == "}":
                key, self.at = self.scan(self.text, self.at)
                self._skip(":")
                if (*path, key) in self.places:
                    raise BadPlace(f"the key {key!r} is given twice", place)
            self.places[(*path, key)] = place
            self._value((*path, key))
            self._skip(",")
            index += 1
        self.at += 1

    def _skip(self, separator: str = "") -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t\r\n" + separator:
            self.at += 1

    def _place(self) -> Place:
        line = bisect_right(self.line_starts, self.at)
        return line, self.at - self.line_starts[line - 1] + 1


_REPLACED = (":bool", ":int", ":float", ":timestamp")


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: true and false are booleans, numbers are decimal, dates stay text.

    YAML 1.1 reads the labels [yes, no] as [True, False] and 12:30 as 750.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012  the base class has the same mutable table
        first: [pair for pair in resolvers if not pair[0].endswith(_REPLACED)]
        for first, resolvers in cast("Any", yaml.SafeLoader).yaml_implicit_resolvers.items()
    }


_FLOAT = r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?"
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|false|False)$", "tTfF"),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    (
        "float",
        r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$",
        "-+0123456789.",
    ),
):
    cast("Any", _Loader).add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first)
    )


def _walk_yaml(node: yaml.Node, path: Loc, places: dict[Loc, Place]) -> None:
    if len(places) > _MOST_VALUES:
        raise BadPlace("its aliases stand for too many values", places[()])
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            key = str(key_node.value)
            place = _yaml_place(key_node)
            if (*path, key) in places:
                raise BadPlace(f"the key {key!r} is given twice", place)
            places[(*path, key)] = place
            _walk_yaml(value_node, (*path, key), places)
    elif isinstance(node, yaml.SequenceNode):
        for index, value_node in enumerate(cast("list[yaml.Node]", node.value)):
            places[(*path, index)] = _yaml_place(value_node)
            _walk_yaml(value_node, (*path, index), places)


def _yaml_place(node: yaml.Node) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1
