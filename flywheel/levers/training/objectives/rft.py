# pyright: standard
"""RFT: GRPO with the evalset's graders as rewards. Each step tries prompts in groups of answers.

The settings of the fine-tuning API, and what they are here:

batch_size          prompts a step; each is answered `group_size` times
compute_multiplier  scales `group_size` (at least 2 answers); the number of steps stays
eval_interval       steps between exams; eval_samples: how many dev items an exam has
reasoning_effort    goes to the chat template; refused when the template does not know it
response_format     its schema is checked; an answer that breaks it scores the bottom of every
                    reward, and so it is with the evalset's `response_schema`
kl                  weight of the KL to the model as it was; it is told at 0 too, with an adapter:
                    the model without its adapter is the reference, and no weights are held twice

The loss is dapo's, without KL by default. A step is told with entropy, KL, lengths, the share cut
off, repeated 4-grams within an answer, distinct 2-grams within a group, and `no_spread`: the share
of groups from which there was nothing to learn, for all their answers earned the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flywheel.data.rows.training_row import TrainingRow
from flywheel.engines.engine import Answerer
from flywheel.engines.open import open_engine
from flywheel.errors import BadOption
from flywheel.evals.evalset.evalset import Evalset, load_evalset
from flywheel.levers.training.arguments import common
from flywheel.levers.training.config import TrainConfig
from flywheel.levers.training.exams.alarm import audited_by
from flywheel.levers.training.exams.exam import roles_of, span
from flywheel.levers.training.exams.live import plain
from flywheel.levers.training.methods.base import Base
from flywheel.levers.training.order import Order, engine_spec
from flywheel.levers.training.rewards.completions import FOLDER
from flywheel.levers.training.rewards.rewards import GraderReward, schema_of
from flywheel.samplers.local.chat import Chat, NoPrompt

# Answers that go through one backward pass; more are done in several.
_MICRO = 64


def build(
    base: Base,
    order: Order,
    rows: Sequence[TrainingRow],
    folder: Path,
    callbacks: Sequence[Any],
    engine: Answerer | None = None,
) -> Any:
    """The trainer of an order. The rows have prompts, and items for the graders.

    `engine` answers what the graders ask; None opens one that asks the judge of the config.
    Raises BadOption.
    """
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl.trainer.grpo_config import GRPOConfig

    from flywheel.levers.training.objectives.grpo import RewardTrainer

    config = order.config
    evalset = load_evalset(config.evalset)
    _check_effort(base, config)
    prompts = [_prompt(base.template.chat, config, row) for row in rows]
    items = [json.dumps(dict(row.item), ensure_ascii=False) for row in rows]
    longest = _longest_answer(base, order, prompts)
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    trainer = RewardTrainer(
        folder=folder,
        specials=not base.template.chat.templated,
        kl=config.kl,
        model=base.model,
        processing_class=base.tokenizer,
        args=GRPOConfig(**_arguments(base, order, folder, longest)),
        train_dataset=Dataset.from_dict({"prompt": prompts, "item": items}),
        reward_funcs=list(rewards_of(order, evalset, engine or _opened(config))),
        callbacks=list(callbacks),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def rewards_of(order: Order, evalset: Evalset, engine: Answerer) -> list[GraderReward]:
    """The reward graders of an order as reward functions, in the order of its config."""
    config, definition = order.config, evalset.definition
    schema = schema_of(config.response_format) or definition.response_schema
    named = {grader.name: grader for grader in definition.graders}
    return [
        GraderReward(named[name], engine, schema=schema, tools=bool(definition.tools))
        for name in roles_of(config, definition).rewards
    ]


def group_size(order: Order) -> int:
    """How many answers a prompt gets: what the config says, times the compute multiplier."""
    return max(2, round(order.config.group_size * order.numbers.compute_multiplier))


def notices(order: Order) -> list[str]:
    """What a person should know before an RFT begins."""
    config = order.config
    definition = load_evalset(config.evalset).definition
    roles = roles_of(config, definition)
    said = [audited_by(roles)]
    spans = {span(grader) for grader in definition.graders if grader.name in roles.rewards}
    if len(spans) > 1 and config.aggregate == "sum_then_normalize":
        said.append(
            "the rewards have different scales, so the widest one drowns the others; set"
            " aggregate=normalize_then_sum to weigh them alike"
        )
    return said


def _arguments(base: Base, order: Order, folder: Path, longest: int) -> dict[str, Any]:
    config, size = order.config, group_size(order)
    answers = order.numbers.batch_size * size
    micro = max(n for n in range(1, min(_MICRO, answers) + 1) if answers % n == 0)
    rewards = roles_of(config, load_evalset(config.evalset).definition).rewards
    adapted = hasattr(base.model, "disable_adapter")
    return {
        **common(order, folder),
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": answers // micro,
        "num_generations": size,
        "max_completion_length": longest,
        "temperature": config.temperature,
        "beta": 0.0 if adapted else config.kl,
        "loss_type": "dapo",
        "reward_weights": list(rewards.values()),
        "multi_objective_aggregation": config.aggregate,
        "log_completions": True,
        "num_completions_to_print": 0,
    }


def _opened(config: TrainConfig) -> Answerer:
    return open_engine(engine_spec(config))


def _check_effort(base: Base, config: TrainConfig) -> None:
    """Raise BadOption when a reasoning effort is asked for that the template would pass over."""
    known = "reasoning_effort" in str(base.tokenizer.chat_template)
    if config.reasoning_effort != "default" and not known:
        raise BadOption(
            f"the chat template of {config.model!r} knows no reasoning_effort, so"
            f" {config.reasoning_effort!r} would change nothing; leave it at default"
        )


def _prompt(chat: Chat, config: TrainConfig, row: TrainingRow) -> str:
    """The prompt as samplers render it. Raises BadOption with the row's place."""
    effort = config.reasoning_effort
    extra = {} if effort == "default" else {"reasoning_effort": effort}
    try:
        return chat.prompt([message.as_json() for message in row.prompt], row.tools, extra)
    except NoPrompt as error:
        raise BadOption(f"{row.where}: {error}") from None


def _longest_answer(base: Base, order: Order, prompts: Sequence[str]) -> int:
    """The most tokens of an answer: what the order says, and no more than the model's context has
    room for behind the longest prompt. Raises BadOption when there is none.
    """
    most = order.numbers.max_completion_tokens
    text = plain(base.model).config.get_text_config(decoder=True)
    context = getattr(text, "max_position_embeddings", None)
    if context is None:
        return most
    longest = max(map(len, base.tokenizer(list(prompts))["input_ids"]))
    if longest >= context:
        raise BadOption(
            f"the longest prompt has {longest} tokens, and the context of {order.config.model!r} is"
            f" {context}: no room for an answer; shorten the prompts, or leave such rows out"
        )
    return min(most, context - longest)
