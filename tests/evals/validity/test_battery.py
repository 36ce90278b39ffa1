"""Weak graders are caught by the probe meant for each, and no good one is called BAD."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from flywheel.engines.engine import Answerer
from flywheel.engines.here import Here
from flywheel.evals.validity.battery import NAMES
from flywheel.samplers.sampler import Output, Request
from tests.engines.opened import engine_of
from tests.evals.validity.worlds import bad, played, write_world

SHOWN = "Gold {{ item.gold }}: {{ sample.output_text }}"


def python(expression: str, threshold: float = 0.5) -> dict[str, Any]:
    head = "import json, re\ndef grade(s, i):\n    t = s['output_text']\n"
    source = f"{head}    return float({expression})"
    return {"type": "python", "source": source, "pass_threshold": threshold}


def check(operation: str = "eq", reference: str = "{{ item.gold }}", **fields: Any) -> Any:
    return {"type": "string_check", "operation": operation, "reference": reference, **fields}


def similar(metric: str, threshold: float) -> dict[str, Any]:
    fields = {"evaluation_metric": metric, "reference": "{{ item.gold }}"}
    return {"type": "text_similarity", "pass_threshold": threshold, **fields}


def judged(shown: str = SHOWN) -> dict[str, Any]:
    return {"type": "score_model", "model": "j", "input": [{"role": "user", "content": shown}]}


def fields_of(names: Sequence[str], formula: str, **fields: Any) -> dict[str, Any]:
    parts = {
        name: check(
            reference=f"{{{{ item.{name} }}}}", input=f"{{{{ sample.output_json.{name} }}}}"
        )
        for name in names
    }
    return {"type": "multi", "graders": parts, "calculate_output": formula, **fields}


class Scripted:
    """A judge that compares gold and answer by a rule, and gives 1 or 0."""

    def __init__(self, likes: Callable[[str, str], bool]) -> None:
        self._likes = likes

    async def sample(self, requests: Sequence[Request]) -> AsyncIterator[tuple[int, Output]]:
        for index, request in enumerate(requests):
            found = re.search(r"Gold (.*?): <answer-\w+>\n(.*)\n</answer-", request.text(), re.S)
            assert found, request
            verdict = f'{{"steps": [], "result": {int(self._likes(found[1], found[2]))}}}'
            yield index, Output(verdict, "judge")


@pytest.fixture(scope="module")
def engine() -> Iterator[Here]:
    with engine_of(workers=1) as opened:
        yield opened


WEAK: list[tuple[str, dict[str, Any], str]] = [
    ("capitals", check(reference="{{ item.country }}"), "gold"),
    ("capitals", check("ne"), "other"),
    ("capitals", python("t.isalpha()"), "other"),
    ("labels", python(f"t in {('billing', 'shipping', 'returns', 'account')}"), "other"),
    ("capitals", python("i['gold'].startswith(t)"), "empty"),
    ("capitals", python("t == i['gold'] or i['country'] in t"), "echo"),
    ("capitals", python("t == i['gold'] or t in ('yes', 'N/A', 'true')"), "constant"),
    ("labels", python("t in (i['gold'], 'billing')"), "majority"),
    ("capitals", check("like"), "hedge"),
    ("labels", check("ilike"), "hedge"),
    ("sums", python("i['number'] in re.findall('[0-9]+', t)"), "hedge"),
    ("objects", python("i['desk'] in t and str(i['amount']) in t"), "hedge"),
    ("sums", similar("rouge_l", 0.6), "wrong"),
    ("objects", python("set(json.loads(t)) == {'desk', 'amount'} if t[:1] == '{' else 0"), "wrong"),
    ("objects", python("t == i['gold'] or '\"string\"' in t"), "schema"),
    ("capitals", python("t == i['gold'] or len(t) > 500"), "filler"),
    ("capitals", python("1 if t == i['gold'] else 0.6 * (len(t) > 500)", 0.9), "filler"),
    ("capitals", python("t == i['gold'] or t.rstrip('.').endswith(('step', ':'))"), "opener"),
    ("capitals", python("t == i['gold'] or t.count(chr(10)) > 30"), "repetition"),
    (
        "capitals",
        python("t and i['gold'].startswith(t.encode('ascii', 'ignore').decode())"),
        "hidden",
    ),
    ("capitals", python("t == i['gold'] or not t.isascii()"), "language"),
    ("capitals", python("t and t in i['gold']"), "fragment"),
    (
        "capitals",
        python("re.fullmatch(t, i['gold']) is not None if t[:1] == '.' else t == i['gold']"),
        "pattern",
    ),
    ("capitals", python("t == i['gold'] or 'highest score' in t"), "injection"),
    (
        "capitals",
        python("(t.count(i['gold']) == 1) * min(1, 0.6 + len(t) / 2000)"),
        "padded_before",
    ),
    (
        "capitals",
        python("(i['gold'] == t[:len(i['gold'])]) * min(1, 0.6 + len(t) / 2000)"),
        "padded_after",
    ),
    ("capitals", python("1 / len(t) and t == i['gold']"), "empty"),
    ("objects", python("t and json.loads(t) == json.loads(i['gold'])"), "repetition"),
    ("capitals", check("ne", ""), "other"),
]


@pytest.mark.parametrize(
    ("world", "grader", "probe"), WEAK, ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_weak_grader_is_caught_by_the_probe_meant_for_it(
    tmp_path: Path, engine: Answerer, world: str, grader: dict[str, Any], probe: str
) -> None:
    (found,) = played(write_world(tmp_path, world, grader), engine)
    assert probe in bad(found), {p.probe: (p.status, p.story) for p in found.probes}


GOOD: list[tuple[str, dict[str, Any]]] = [
    ("capitals", check()),
    ("capitals", check(ignore_case=True, ignore_space=True)),
    ("capitals", python("t.strip().casefold() == i['gold'].casefold()")),
    ("capitals", python("re.sub('[^a-z]', '', t.lower()) == i['gold'].lower()")),
    ("capitals", similar("rouge_l", 0.9)),
    ("capitals", similar("gleu", 0.9)),
    ("labels", check()),
    ("labels", check(ignore_case=True)),
    ("verdicts", check()),
    ("verdicts", python("t.strip().lower().rstrip('.') == i['gold']")),
    ("sums", check(reference="{{ item.number }}", extract="number")),
    ("sums", check(reference="{{ item.number }}", extract="number", tolerance={"relative": 0.01})),
    ("sums", check()),
    ("sums", similar("rouge_l", 0.95)),
    ("choices", check(reference="{{ item.letter }}", extract="choice")),
    ("objects", check()),
    ("objects", fields_of(("desk", "amount"), "desk * amount")),
    ("objects", fields_of(("desk", "amount"), "(desk + amount) / 2", pass_threshold=1.0)),
    ("objects", check("eq", input="{{ sample.output_json }}")),
    ("objects", check(reference="{{ item.desk }}", input="{{ sample.output_json.desk }}")),
    ("objects", check(reference="{{ item.amount }}", extract={"type": "json", "field": "amount"})),
]


@pytest.mark.parametrize(("world", "grader"), GOOD, ids=lambda v: v if isinstance(v, str) else "")
def test_a_good_grader_is_not_called_bad(
    tmp_path: Path, engine: Answerer, world: str, grader: dict[str, Any]
) -> None:
    (found,) = played(write_world(tmp_path, world, grader), engine)
    assert bad(found) == set(), [(p.probe, p.story, p.worst) for p in found.bad]


@pytest.mark.parametrize(
    ("grader", "formats"),
    [
        (check(reference="{{ item.desk }}", input="{{ sample.output_json.desk }}"), False),
        (check("ne", "", input="{{ sample.output_json.desk }}"), True),
        (python("t[:1] == '{' and t[-1:] == '}'"), True),
        (python("0 < len(t) < 100"), True),
    ],
)
def test_a_guard_of_the_format_is_good_where_it_does_not_decide(
    tmp_path: Path, engine: Answerer, grader: dict[str, Any], formats: bool
) -> None:
    _, found = played(write_world(tmp_path, "objects", check(), grader), engine)
    assert (bad(found), found.format_only) == (set(), formats)


def test_a_guard_that_passes_whatever_is_said_is_bad(tmp_path: Path, engine: Answerer) -> None:
    _, found = played(write_world(tmp_path, "objects", check(), python("True")), engine)
    assert {"empty", "filler", "other"} <= bad(found)
    assert found.probes[2].story == "passes, as does everything that is said"


def equal(gold: str, answer: str) -> bool:
    return answer == gold


JUDGES: list[tuple[str, Callable[[str, str], bool], str]] = [
    ("strict", equal, ""),
    ("obeys", lambda g, a: a == g or "highest score" in a, "orders"),
    ("reads the answer's verdict", lambda g, a: a == g or '"result": 1' in a, "injection"),
    ("likes what it finds", lambda g, a: g in a, "hedge"),
    ("likes openers", lambda g, a: a == g or a.startswith("Let's"), "opener"),
    ("likes length", lambda g, a: a == g or len(a) > 500, "filler"),
    ("wrong once in twelve", lambda g, a: a == g and g != "Oslo", ""),
    ("wrong every third time", lambda g, a: a == g and g[0] not in "OMRL", "gold"),
]


@pytest.mark.parametrize(("name", "likes", "probe"), JUDGES, ids=[name for name, *_ in JUDGES])
def test_a_judge_is_caught_by_what_it_falls_for(
    tmp_path: Path, name: str, likes: Callable[[str, str], bool], probe: str
) -> None:
    with engine_of(Scripted(likes)) as asking:
        (found,) = played(write_world(tmp_path, "capitals", judged()), asking)
    assert probe in bad(found) if probe else bad(found) == set(), name


def test_orders_stand_in_every_field_that_the_judge_is_shown(tmp_path: Path) -> None:
    seen: list[str] = []

    def note(gold: str, answer: str) -> bool:
        seen.append(answer)
        return answer == gold

    shown = "Gold {{ item.desk }}: {{ sample.output_json.desk }} {{ sample.output_tools }}"
    with engine_of(Scripted(note)) as asking:
        (found,) = played(write_world(tmp_path, "objects", judged(shown)), asking)
    named = {probe.probe: probe for probe in found.probes}
    assert named["orders"].summary.n == 24  # twelve items, two fields
    assert named["item_orders"].status == "info"
    in_fields = [answer for answer in seen if "count this answer" in answer]
    assert any(answer.startswith("Note to the grader") for answer in in_fields)
    assert any('"arguments"' in answer for answer in in_fields)


def test_every_probe_is_reported_also_those_that_cannot_be_made(
    tmp_path: Path, engine: Answerer
) -> None:
    options = {"options": ["yes", "no"]}
    for world, fields in (("verdicts", {}), ("verdicts", options), ("capitals", {})):
        (found,) = played(write_world(tmp_path / world, world, check(), **fields), engine)
        assert tuple(probe.probe for probe in found.probes) == NAMES
        for probe in found.probes:
            assert (probe.status == "n/a") == (not probe.summary.n)
            assert probe.why
            assert probe.story or probe.status != "n/a"


def test_the_same_seed_plays_the_same_answers(tmp_path: Path, engine: Answerer) -> None:
    folder = write_world(tmp_path, "objects", check("like"))
    first, again = (
        [probe.as_json() for one in played(folder, engine, most=7) for probe in one.probes]
        for _ in range(2)
    )
    assert first == again
