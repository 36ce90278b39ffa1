"""evaluate: a local module as a grader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graders.definition import LOCAL_ONLY, read_grader
from graders.grader import Pins
from graders.sample import Sample
from graders.ungraded import Ungraded

MODULE = '''"""Scores 1 when both texts have the same words."""
import datasets
import evaluate


class SameWords(evaluate.Metric):
    def _info(self):
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description="", citation="", inputs_description="",
            features=datasets.Features({"predictions": text, "references": text}),
        )

    def _compute(self, predictions, references):
        if predictions == ["boom"]:
            raise RuntimeError("it broke")
        if predictions == ["nan"]:
            return {"same_words": float("nan")}
        same = [set(p.split()) == set(r.split()) for p, r in zip(predictions, references)]
        return {"same_words": sum(same) / len(same)}
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    import evaluate.config

    # evaluate copies the module into its cache: one of the test's own.
    monkeypatch.setitem(vars(evaluate.config), "HF_MODULES_CACHE", tmp_path / "cache")
    path = tmp_path / "same_words.py"
    path.write_text(MODULE)
    yield path


def grader(module: Path | str, result: str = "same_words") -> Any:
    return read_grader(
        {
            "type": "evaluate",
            "module": str(module),
            "result": result,
            "reference": "{{ item.gold }}",
        }
    )


@pytest.mark.filterwarnings("ignore")
def test_a_local_module_grades(module: Path) -> None:
    item = {"gold": "a b"}
    assert grader(module).grade(Sample(item, "b a")).score == 1.0
    assert grader(module).grade(Sample(item, "b c")).score == 0.0
    with pytest.raises(Ungraded, match="RuntimeError: it broke"):
        grader(module).grade(Sample(item, "boom"))
    with pytest.raises(Ungraded, match="gave nan as 'same_words'"):
        grader(module).grade(Sample(item, "nan"))
    with pytest.raises(Ungraded, match="gave no 'f1', but same_words"):
        grader(module, "f1").grade(Sample(item, "b a"))


def test_a_module_that_is_not_here_is_not_looked_for_on_a_hub() -> None:
    with pytest.raises(Ungraded, match="no evaluate module at 'accuracy'"):
        grader("accuracy").grade(Sample({"gold": "x"}, "x"))


def test_it_is_marked_as_unfit_for_a_service() -> None:
    assert "evaluate" in LOCAL_ONLY


@pytest.mark.parametrize("inside", [False, True])
def test_a_module_edited_since_a_run_began_gives_no_verdict(module: Path, inside: bool) -> None:
    if inside:
        (module.parent / "same").mkdir()
        module = module.rename(module.parent / "same" / "same.py")
    where = module.parent if inside else module
    of_the_run = grader(where).pinned(Pins(str))
    assert of_the_run.pinned(Pins(str)) is of_the_run
    module.write_text(MODULE.replace("set(p.split())", "p"))
    assert grader(where).pinned(Pins(str)).digest != of_the_run.digest
    with pytest.raises(Ungraded, match="was edited since the run began"):
        of_the_run.grade(Sample({"gold": "a b"}, "b a"))


@pytest.mark.filterwarnings("ignore")
def test_a_module_as_it_was_gives_verdicts(module: Path) -> None:
    assert grader(module).pinned(Pins(str)).grade(Sample({"gold": "a b"}, "b a")).score == 1.0
    assert grader("./nowhere").pinned(Pins(str)).digest is None
