"""An engine opens each model once, for several runs at the same time, and closes what it opened."""

from __future__ import annotations

import asyncio
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from flywheel.engines.engine import Engine, EngineSpec
from flywheel.engines.open import open_engine
from flywheel.errors import FlywheelError
from flywheel.samplers.price import Prices, Rate
from flywheel.samplers.sampler import Output, Request
from graders.asks import Answer, Judge
from graders.asks import Failed as FailedAnswer

GPT = Prices({"gpt": Rate(input=1.0, output=1.0)})
HELLO = Request("m", [{"role": "user", "content": "hello there"}])
WHO = "import os\n\n\nasync def who(messages):\n    return str(os.getpid())\n"
ASK = Judge("j", ({"role": "user", "content": "good?"},), {}, {}, "")


async def asked(engine: Engine, model: str, count: int = 1) -> list[Output]:
    return [output async for _, output in engine.sample(model, [HELLO] * count)]


def texts(engine: Engine, model: str, count: int = 1) -> list[str]:
    return [output.text for output in asyncio.run(asked(engine, model, count))]


def judged(engine: Engine) -> Answer:
    return asyncio.run(engine.answer([ASK]))[0]


@pytest.fixture
def who(tmp_path: Path) -> str:
    """A model that says in which process it runs."""
    path = tmp_path / "who.py"
    path.write_text(WHO)
    return f"python:{path}:who"


def lives(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    return True


def test_engines_of_one_family_open_a_model_once_and_close_it_together(who: str) -> None:
    with open_engine() as engine:
        other = engine.under(EngineSpec(prices=Prices()))
        (pid,) = {*texts(engine, who, 3), *texts(other, who), *texts(engine, who)}
        with engine.under(EngineSpec()) as short:
            assert texts(short, who) == [pid]
        assert lives(pid)
    assert not lives(pid)


def test_a_model_whose_file_changed_is_another_model(who: str, tmp_path: Path) -> None:
    with open_engine() as engine:
        (before,) = texts(engine, who)
        (tmp_path / "who.py").write_text(WHO.replace("str(os.getpid())", "'changed'"))
        assert texts(engine, who) == [before], "a run goes on with what it began with"
        assert texts(engine.under(EngineSpec()), who) == ["changed"]


def test_each_engine_plays_a_script_from_its_first_line(tmp_path: Path) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text('{"text": "first"}\n{"text": "second"}\n')
    name = f"scripted:{script}"
    with open_engine(EngineSpec(judge=name)) as engine:
        assert texts(engine, name) + texts(engine, name) == ["first", "second"]
        again = engine.under(EngineSpec(judge=name))
        assert texts(again, name) == ["first"]
        assert [getattr(judged(one), "text", None) for one in (engine, again)] == ["first"] * 2


def test_each_engine_counts_for_itself(tmp_path: Path) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text('{"when": "", "text": "a b c"}\n')
    name = f"scripted:{script}"
    prices = Prices({"scripted": Rate(input=1.0, output=2.0)})
    with open_engine(EngineSpec(judge=name, prices=prices)) as engine:
        other = engine.under(EngineSpec(judge=name))
        texts(engine, name, 2)
        texts(other, name)
        judged(engine)
        assert engine.judge is not None
        assert (engine.open(name).answers, other.open(name).answers) == (2, 1)
        assert (engine.judge.answers, engine.judge.tokens) == (1, 4)
        assert engine.open(name).price == pytest.approx(2 * (2 + 2 * 3) / 1e6)
        assert other.open(name).price is None


def test_runs_that_overlap_each_get_their_own_answers(tmp_path: Path) -> None:
    echo = tmp_path / "echo.py"
    echo.write_text("async def echo(messages):\n    return messages[-1]['content']\n")
    name = f"python:{echo}:echo"

    async def run(engine: Engine, number: int) -> bool:
        said = [f"{number}-{n}" for n in range(40)]
        requests = [Request("m", [{"role": "user", "content": text}]) for text in said]
        back = dict([one async for one in engine.sample(name, requests)])
        return [back[n].text for n in range(40)] == said

    async def all_at_once() -> list[bool]:
        engine = open_engine()
        try:
            runs = [run(engine.under(EngineSpec()), number) for number in range(10)]
            return await asyncio.gather(*runs)
        finally:
            await engine.aclose()

    assert asyncio.run(all_at_once()) == [True] * 10


def test_only_a_provider_needs_usage_and_without_it_its_first_answer_is_the_last(
    tmp_path: Path, who: str
) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text('{"when": "", "text": "a b c"}\n')
    with open_engine(EngineSpec(max_cost=1.0, prices=GPT)) as engine:
        assert texts(engine, f"scripted:{script}") == ["a b c"]
        with pytest.raises(FlywheelError, match=r"needs the usage of .*who.py:who gave 1"):
            texts(engine, who, 3)
        assert engine.open(who).answers == 1


@pytest.mark.parametrize(
    ("spec", "model", "story"),
    [
        ({"max_cost": 1.0}, "tiny", "max_cost needs to know what tokens cost"),
        (
            {"max_cost": 1.0, "prices": GPT},
            "https://host/v1#llama",
            "max_cost needs the price of llama, .* add a line",
        ),
        ({"max_cost": 1.0, "prices": GPT, "judge": "https://host/v1#o"}, "tiny", "the price of o,"),
        ({}, "nowhere", "no model 'nowhere'"),
        ({"key_env": "KEY"}, "tiny", "--api-key-env is for an endpoint .*; got 'tiny'"),
        ({"judge": "nobody"}, "tiny", "no model 'nobody'"),
        ({"judge": "tiny", "judge_key_env": "KEY"}, "tiny", "--judge-api-key-env is for an"),
        ({"key_env": "NOT_THERE"}, "https://host/v1#m", "NOT_THERE"),
    ],
)
def test_what_cannot_be_opened_shows_before_it_is_asked(
    spec: dict[str, Any], model: str, story: str
) -> None:
    with pytest.raises(FlywheelError, match=story):
        open_engine(EngineSpec(**spec)).open(model)


def test_without_a_judge_its_asks_fail_and_nothing_raises() -> None:
    with open_engine() as engine:
        answer = judged(engine)
    assert isinstance(answer, FailedAnswer)
    assert answer.detail == "no judge is set; name one with --judge"


def test_a_spec_can_be_sent_to_another_process() -> None:
    spec = EngineSpec(judge="tiny", prices=Prices({"m": Rate(input=1, output=2)}), workers=2)
    back = pickle.loads(pickle.dumps(spec))
    assert (back.judge, back.workers, back.judge_digest) == ("tiny", 2, spec.judge_digest)
