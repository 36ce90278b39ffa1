"""Ways past the count of looks, each tried on the real gate. None of them gives a look back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flywheel.engines.engine import EngineSpec
from flywheel.errors import BadOption, NotComparable
from flywheel.evals.decision.decide import Rules
from flywheel.evals.decision.gate import Case, Verdict, judge
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.evals.grading.regrade import begin_regrade
from flywheel.evals.run.choose import Choice, plan_of
from flywheel.samplers.sampler import Output
from flywheel.store.store import Store, open_store
from graders.definition import read_grader
from tests.engines.opened import engine_of
from tests.evals.decision.gated import gate, run_of
from tests.evals.world import (
    CHECK,
    Echo,
    go_on_regrade,
    measure,
    said,
    write_evalset,
    wrong_on,
)

BAD = wrong_on(*range(40))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "s.duckdb") as store:
        yield store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_evalset(tmp_path / "e", items=60)


def sealed(verdict: Verdict) -> str:
    (found,) = [check for check in verdict.decision.checks if check.name == "sealed"]
    return found.reason


def edit(change: Callable[[list[dict[str, Any]]], Any]) -> Callable[[Path], None]:
    """Rewrite the items of test.jsonl."""

    def rewrite(folder: Path) -> None:
        path = folder / "test.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        rows = change(rows) or rows
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    return rewrite


def with_field(name: str, value: str) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    return lambda rows: [{**row, name: f"{value}{n}"} for n, row in enumerate(rows)]


def crlf(folder: Path) -> None:
    path = folder / "test.jsonl"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def blank_line(folder: Path) -> None:
    with (folder / "test.jsonl").open("a") as file:
        file.write("\n")


def read_another_field(folder: Path) -> None:
    """The same question under another field's name, in another wording of the template."""
    edit(with_field("question", "+"))(folder)
    definition = yaml.safe_load((folder / "evalset.yaml").read_text())
    definition["prompt"] = [{"role": "user", "content": "Say {{ item.question }}."}]
    (folder / "evalset.yaml").write_text(yaml.safe_dump(definition))


EDITS: dict[str, Callable[[Path], None]] = {
    "a blank line": blank_line,
    "CRLF": crlf,
    "another order": edit(lambda rows: rows.reverse()),
    "an unread field": edit(with_field("note", "x")),
    "other ids": edit(with_field("id", "j")),
    "an item less": edit(lambda rows: rows[1:]),
    "an item more": edit(lambda rows: [*rows, {"id": "new", "gold": "+100", "kind": "even"}]),
    "blanks in the question": edit(with_field("gold", " +")),
    "an invisible character": edit(with_field("gold", "+\u200b")),
    "another field": read_another_field,
}


@pytest.mark.parametrize("change", EDITS.values(), ids=list(EDITS))
def test_another_file_of_the_same_items_begins_no_new_count(
    store: Store, folder: Path, change: Callable[[Path], None]
) -> None:
    base = run_of(store, folder, BAD, "base")
    for n in range(2):
        gate(store, base, run_of(store, folder, wrong_on(n), f"c{n}"))
    change(folder)
    base = run_of(store, folder, BAD, "base")
    # With another prompt the baseline is another candidate, and the old one counts too.
    candidate = run_of(store, folder, wrong_on(7), "c7")
    assert gate(store, base, candidate).decision.look == (4 if change is read_another_field else 3)


def test_another_name_of_the_evalset_begins_no_new_count(store: Store, tmp_path: Path) -> None:
    one, other = (write_evalset(tmp_path / name, items=60) for name in ("one", "other"))
    base = run_of(store, one, BAD, "base")
    gate(store, base, run_of(store, one, Echo(), "c1"))
    again = run_of(store, other, BAD, "base")
    candidate = run_of(store, other, Echo(), "c2")
    with pytest.raises(NotComparable, match=f"{again} measures again what {base} measured"):
        gate(store, again, candidate)
    assert gate(store, base, candidate).decision.look == 2


def test_a_test_file_that_grows_is_looked_at_each_time(store: Store, folder: Path) -> None:
    looks: list[int] = []
    for items in (20, 30, 40, 50):
        base = run_of(store, folder, BAD, "base", limit=items)
        candidate = run_of(store, folder, Echo(), "c", limit=items)
        looks.append(gate(store, base, candidate).decision.look)
    assert looks == [1, 2, 3, 4]


def test_the_baseline_is_not_measured_on_a_prefix(store: Store, folder: Path) -> None:
    bases = [run_of(store, folder, BAD, "base", limit=items) for items in (20, 30, 40)]
    candidate = run_of(store, folder, Echo(), "c")
    for base, lacks in zip(bases, (40, 30, 20), strict=True):
        with pytest.raises(NotComparable, match=f"{base} lacks {lacks} of the items of"):
            gate(store, base, candidate)


def test_a_baseline_is_not_chosen_after_the_candidate(store: Store, folder: Path) -> None:
    first = run_of(store, folder, BAD, "b0")
    candidate = run_of(store, folder, Echo(), "c")
    others = [run_of(store, folder, wrong_on(*range(n, 40 + n)), f"b{n}") for n in range(1, 5)]
    assert gate(store, first, candidate).decision.look == 1
    looks = [gate(store, other, candidate).decision.look for other in others]
    assert looks == [7, 8, 9, 10], "six reads before the first of these gates, and each of them"


def test_a_baseline_measured_last_counts_what_was_read_before_it(
    store: Store, folder: Path
) -> None:
    candidate = run_of(store, folder, Echo(), "c")
    others = [run_of(store, folder, wrong_on(*range(n, 40 + n)), f"b{n}") for n in range(4)]
    assert gate(store, others[-1], candidate).decision.look == 4


def test_rejected_candidates_are_no_seeds(store: Store, folder: Path) -> None:
    base = run_of(store, folder, BAD, "base")
    runs = [run_of(store, folder, wrong_on(n), f"c{n}") for n in range(3)]
    with pytest.raises(NotComparable, match=r"no other seed of .*: no lever of Flywheel trained"):
        gate(store, base, runs[2], seeds=runs[:2])
    assert gate(store, base, runs[2]).decision.look == 3


def test_a_second_measurement_is_refused_by_the_name_of_the_first(
    store: Store, folder: Path
) -> None:
    base = run_of(store, folder, BAD, "base")
    first = run_of(store, folder, wrong_on(*range(38)), "c")
    lucky = run_of(store, folder, Echo(), "c", anew=True)
    with pytest.raises(NotComparable, match=f"{lucky} measures again what {first} measured"):
        gate(store, base, lucky)
    unlucky = run_of(store, folder, wrong_on(*range(60)), "base", anew=True)
    with pytest.raises(NotComparable, match=f"{unlucky} measures again what {base} measured"):
        gate(store, unlucky, first)


def test_copied_weights_are_the_same_candidate(store: Store, folder: Path) -> None:
    base = run_of(store, folder, BAD, "base")
    first = run_of(store, folder, wrong_on(*range(38)), "c")
    copied = folder / "copied.jsonl"
    copied.write_bytes((folder / "c.jsonl").read_bytes())
    choice = Choice(evalset=load_evalset(str(folder)), model=f"scripted:{copied}", split="test")
    lucky = measure(store, plan_of(choice, EngineSpec()), Echo(), use_cache=False).run.run
    with pytest.raises(NotComparable, match=f"{lucky} measures again what {first} measured"):
        gate(store, base, lucky)


def test_another_temperature_is_another_candidate(store: Store, folder: Path) -> None:
    looks: list[int] = []
    for tenths in range(3):
        base = run_of(store, folder, BAD, "base", temperature=tenths / 10)
        candidate = run_of(store, folder, Echo(), "c", temperature=tenths / 10)
        looks.append(gate(store, base, candidate).decision.look)
    # The baselines at the other temperatures count as well.
    assert looks == [1, 3, 5]


def regraded(store: Store, run: str, *graders: dict[str, Any]) -> str:
    row = begin_regrade(store, run, [read_grader(grader) for grader in graders])
    with engine_of(None, {}, workers=1) as engine:
        go_on_regrade(store, row, engine)
    return row.run


def test_another_primary_grader_is_another_look(store: Store, folder: Path) -> None:
    answers = [Output("no"), Output("nothing")]
    base = run_of(store, folder, Echo(lambda p: answers[int(said(p)) % 2]), "base")
    candidate = run_of(store, folder, Echo(), "c")
    assert gate(store, base, candidate).decision.look == 1
    like = {**CHECK, "operation": "like"}
    before, after = regraded(store, base, like), regraded(store, candidate, like)
    verdict = gate(store, before, after)
    assert verdict.decision.look == 2
    assert sealed(verdict) == (
        "look 2 at a split that no lever saw; the rules changed since the first look: the primary"
        " grader"
    )


def test_a_regrade_is_not_repeated_until_it_is_better(store: Store, folder: Path) -> None:
    base = run_of(store, folder, BAD, "base")
    candidate = run_of(store, folder, Echo(), "c")
    like = {**CHECK, "operation": "like"}
    before, first = regraded(store, base, like), regraded(store, candidate, like)
    again = regraded(store, candidate, like)
    with pytest.raises(NotComparable, match=f"{again} measures again what {first} measured"):
        gate(store, before, again)


def test_another_margin_of_a_guard_is_another_look(store: Store, tmp_path: Path) -> None:
    looks: list[tuple[int, str]] = []
    short = {**CHECK, "name": "short", "operation": "ne", "reference": "no"}
    for margin in (0.01, 0.5):
        folder = write_evalset(
            tmp_path / "e", items=60, graders=[CHECK, short], guards={"short": margin}
        )
        base, candidate = (
            run_of(store, folder, model, name) for name, model in (("base", BAD), ("c", Echo()))
        )
        verdict = gate(store, base, candidate)
        looks.append((verdict.decision.look, sealed(verdict).partition("first look: ")[2]))
    assert looks == [(1, ""), (2, "the guards or their margins, the evalset's definition")]


def test_a_test_file_copied_from_dev_is_not_sealed(store: Store, folder: Path) -> None:
    (folder / "test.jsonl").write_bytes((folder / "dev.jsonl").read_bytes())
    base, candidate = run_of(store, folder, BAD, "base"), run_of(store, folder, Echo(), "c")
    with pytest.raises(NotComparable, match=r"60 items of .* are in e dev, e train too, .*: i0,"):
        gate(store, base, candidate)


def test_items_that_were_measured_as_dev_elsewhere_are_not_sealed(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    base, candidate = run_of(store, folder, BAD, "base"), run_of(store, folder, Echo(), "c")
    other = write_evalset(tmp_path / "other")
    (other / "dev.jsonl").write_bytes((folder / "test.jsonl").read_bytes())
    run_of(store, other, Echo(), "d1", split="dev")
    with pytest.raises(NotComparable, match=r"60 items of .* are in other dev too"):
        gate(store, base, candidate)


def test_one_item_that_levers_saw_is_named(store: Store, folder: Path) -> None:
    with (folder / "train.jsonl").open("a") as file:
        file.write(json.dumps({"gold": " +7 "}) + "\n")
    base, candidate = run_of(store, folder, BAD, "base"), run_of(store, folder, Echo(), "c")
    with pytest.raises(NotComparable, match=r"1 items of .* are in e train too, .*: i7\. Remove"):
        gate(store, base, candidate)


def test_a_margin_below_zero_is_no_gain(store: Store, folder: Path) -> None:
    base = run_of(store, folder, wrong_on(0), "base")
    candidate = run_of(store, folder, wrong_on(1, 2), "c")
    with pytest.raises(BadOption, match=r"--non-inferior says so; got --margin -0\.5 without it"):
        judge(store, Case(baseline=base, candidate=candidate), Rules(margin=-0.5))
    with pytest.raises(BadOption, match="got --margin 0 with it"):
        judge(store, Case(baseline=base, candidate=candidate), Rules(non_inferior=True))
    rules = Rules(margin=-0.5, non_inferior=True)
    verdict = judge(store, Case(baseline=base, candidate=candidate), rules)
    assert verdict.decision.outcome == "promote"
    assert verdict.as_json()["claim"] == "not worse by more than 50 points"
    again = gate(store, base, candidate)
    assert (again.decision.look, again.as_json()["claim"]) == (2, "better")
    assert sealed(again).endswith("first look: margin was -0.5, non_inferior was True")


def add_items(folder: Path, first: int, last: int) -> None:
    rows = [{"id": f"n{n}", "gold": f"+{n}", "kind": "even"} for n in range(first, last)]
    edit(lambda old: [*old, *rows])(folder)


def test_fresh_items_are_a_first_look(store: Store, folder: Path) -> None:
    base = run_of(store, folder, BAD, "base")
    gate(store, base, run_of(store, folder, wrong_on(*range(20)), "c1"))
    with pytest.raises(NotComparable, match="no other candidate has read 0 items of"):
        gate(store, base, run_of(store, folder, wrong_on(*range(19)), "c2"), fresh=True)
    add_items(folder, 60, 110)
    worse = wrong_on(*range(40), *range(60, 90))
    base = run_of(store, folder, worse, "base")
    candidate = run_of(store, folder, Echo(), "c3")
    assert gate(store, base, candidate).decision.look == 3
    # That gate has decided on the new items, too.
    with pytest.raises(NotComparable, match="no other candidate has read 0 items of"):
        gate(store, base, candidate, fresh=True)
    add_items(folder, 110, 170)
    worse = wrong_on(*range(40), *range(110, 150))
    base, candidate = run_of(store, folder, worse, "base"), run_of(store, folder, Echo(), "c4")
    verdict = gate(store, base, candidate, fresh=True)
    gain = verdict.decision.gain
    assert gain and (verdict.decision.look, gain.n, gain.wins) == (1, 60, 40)
    again = gate(store, base, candidate, fresh=True)
    assert (again.decision.look, again.decision.gain) == (1, gain), "the same look"


def test_one_candidate_has_no_first_look_at_each_addition(store: Store, folder: Path) -> None:
    looks: list[int] = []
    for items in (60, 100, 140):
        add_items(folder, items, items + 40)
        base = run_of(store, folder, BAD, "base")
        candidate = run_of(store, folder, Echo(), "c")
        looks.append(gate(store, base, candidate, fresh=True).decision.look)
    assert looks == [1, 2, 3]


def test_examples_of_the_prompt_are_not_from_test(store: Store, folder: Path) -> None:
    words = "a question that is long enough to be told from others, number"
    edit(lambda rows: [{**row, "question": f'{words} "{n}"'} for n, row in enumerate(rows)])(folder)
    definition = yaml.safe_load((folder / "evalset.yaml").read_text())
    definition["prompt"] = [{"role": "user", "content": "{{ item.question }} {{ item.gold }}"}]
    (folder / "evalset.yaml").write_text(yaml.safe_dump(definition))
    examples = [{"role": "user", "content": f'{words.upper()}\n "7" +7'}]
    prompt = folder / "prompt.json"
    prompt.write_text(json.dumps([*examples, *definition["prompt"]]))
    models = [Echo(lambda _: Output("a")), Echo(lambda _: Output("b"))]
    base = run_of(store, folder, models[0], "m")
    candidate = run_of(store, folder, models[1], "m", prompt=prompt)
    with pytest.raises(NotComparable, match=r"the prompt of .* shows 1 of the items .*: i7\. Take"):
        gate(store, base, candidate)
