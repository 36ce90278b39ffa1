"""Templates: what fills a slot, and who is to blame for a gap."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from graders.sample import Sample, Unreadable
from graders.template import BadTemplate, template
from graders.ungraded import Kind, Ungraded
from tests.growth import grows_with_size

ITEM: dict[str, Any] = {
    "name": "Ada",
    "n": 1.0,
    "yes": True,
    "none": None,
    "deep": {"rows": [{"x": 7}]},
    "packed": '{"a": [10, {"b": "c"}]}',
    "umlaut": {"ä": "ö"},
    "dashed-key": "d",
    "a b": "spaced",
    "2nd": 2,
    "$x": 3,
    "a:b": 4,
}
SAMPLE = Sample(
    ITEM,
    '{"city": "Rome", "tags": ["a"]}',
    output_tools=({"function": {"name": "find", "arguments": '{"symbols": ["X"]}'}},),
    model="m",
)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{{ item.name }}", "Ada"),
        ("{{item.name}}", "Ada"),
        ("a {{ item.name }} b {{ item.n }} c", "a Ada b 1.0 c"),
        ("{{ item.yes }} {{ item.none }}", "true null"),
        ("{{ item.deep.rows[0].x }}", "7"),
        ("{{ item.deep }}", '{"rows": [{"x": 7}]}'),
        ("{{ item.umlaut }}", '{"ä": "ö"}'),
        ("{{ item.dashed-key }}", "d"),
        ("{{ item.packed.a[1].b }}", "c"),
        ("{{ sample.output_json.city }}", "Rome"),
        ("{{ sample.output_json.tags }}", '["a"]'),
        ("{{ sample.output_tools[0].function.name }}", "find"),
        ("{{ sample.output_tools[0].function.arguments.symbols[0] }}", "X"),
        ("{{ sample.model }}", "m"),
        ("{{ sample.choices[0].message.role }}", "assistant"),
        ("{ not a slot } }}", "{ not a slot } }}"),
        ("{% if x %} ${#rows} {# note #}", "{% if x %} ${#rows} {# note #}"),
        ("{{ item['a b'] }} {{ item[\"a b\"] }}", "spaced spaced"),
        ("{{ item . deep . rows [ 0 ] . x }}", "7"),
        ("{{ item.2nd }} {{ item.$x }} {{ item.a:b }}", "2 3 4"),
    ],
)
def test_slots_are_filled(text: str, filled: str) -> None:
    assert template(text).render(SAMPLE) == filled


def test_the_whole_item_and_the_whole_sample_are_json() -> None:
    assert template("{{ item }}").render(Sample({"a": 1})) == '{"a": 1}'
    assert '"output_text": "hi"' in template("{{ sample }}").render(Sample({}, "hi"))


def test_what_a_slot_brings_in_is_not_read_again() -> None:
    sample = Sample({"gold": "secret", "x": "{{ item.gold }}"}, "{{ item.gold }}")
    assert template("{{ sample.output_text }}").render(sample) == "{{ item.gold }}"
    assert template("<{{ item.x }}>").render(sample) == "<{{ item.gold }}>"


@pytest.mark.parametrize(
    ("text", "story"),
    [
        ("{{ itm.x }}", "line 1: 'itm.x' must start with 'item' or 'sample'"),
        ("a\nb {{ item..x }}", "line 2: 'item..x' is not a path"),
        ("{{ item.x | upper }}", "is not a path"),
        ("{{ item.x[-1] }}", "is not a path"),
        ("{{ item.x[*] }}", "is not a path"),
        ("{{ item.x() }}", "is not a path"),
        ("{{ }}", "must start with"),
        ("one\ntwo {{ item.x", "line 2: '{{' is never closed"),
        ("{{ sample.output_txt }}", "line 1: no sample.output_txt; have output_text, output_json"),
        ("{{ items.x }}", "must start with"),
        ("{{ {a} }}", "is never closed"),
        ("{{ item.__class__.x }}" + "{{ 'a'*10**9 }}", "must start with"),
    ],
)
def test_what_is_no_template_is_refused_with_its_line(text: str, story: str) -> None:
    with pytest.raises(BadTemplate) as refused:
        template(text)
    assert story in str(refused.value)


@pytest.mark.parametrize(
    ("text", "story"),
    [
        ("a\n{{ item.city }}", "line 2: no item.city to fill in; have name, n, yes"),
        ("{{ item.name.first }}", "the path stops at text: 'Ada'"),
        ("{{ item.deep.rows[3] }}", "have 1 there"),
        ("{{ item.n.x }}", "the path stops at 1.0"),
    ],
)
def test_a_gap_of_the_item_is_ungraded(text: str, story: str) -> None:
    with pytest.raises(Ungraded) as ungraded:
        template(text).render(SAMPLE)
    assert ungraded.value.kind is Kind.VARIABLE
    assert story in ungraded.value.detail


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("{{ sample.output_json.city }}", "no JSON"),
        ("{{ sample.output_json.city }}", '{"town": 1}'),
        ("{{ sample.output_json.a }}", '{"a": NaN}'),
        ("{{ sample.output_json.a }}", "[" * 100_000),
        ("{{ sample.output_tools[0].function.name }}", "no tool was called"),
    ],
)
def test_a_gap_of_the_answer_is_unreadable_which_is_a_score(text: str, answer: str) -> None:
    with pytest.raises(Unreadable):
        template(text).render(Sample({}, answer))


@pytest.mark.parametrize("piece", ["{{", "{{ item.n }}\n", "{"])
def test_a_long_template_is_read_in_time(piece: str) -> None:
    def read(pieces: int) -> None:
        with suppress(BadTemplate):
            template(piece * pieces)

    assert grows_with_size(read, 20_000)


def test_only_what_the_model_gave_is_wrapped() -> None:
    read = template("{{ item.q }} / {{ sample.output_text }}")
    assert read.render_wrapped(Sample({"q": "Q"}, "A"), lambda s: f"<{s}>") == "Q / <A>"
