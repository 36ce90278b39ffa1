# pyright: standard
"""RFT: GRPO with the evalset's graders as rewards. Each step samples a group of answers per prompt.

The settings of the fine-tuning API, and their meaning here:

batch_size          prompts per step; each is answered `group_size` times
compute_multiplier  scales `group_size` (at least 2 answers); the number of steps is unchanged
eval_interval       steps between exams; eval_samples is the number of dev items per exam
reasoning_effort    passed to the chat template; refused if the template does not use it
response_format     its schema is enforced: an answer that violates it gets the minimum of every
                    reward; the same holds for the evalset's `response_schema`
kl                  weight of the KL to the initial model; with an adapter KL is also reported at
                    weight 0, since the model without its adapter is the reference

The loss is DAPO's, without KL by default. A step reports entropy, KL, lengths, the share of
truncated answers, repeated 4-grams within an answer, distinct 2-grams within a group, and
`no_spread`: the share of groups without a learning signal, because all answers have equal rewards.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from flywheel.data.rows.training_row import Kind, TrainingRow
from flywheel.engines.engine import Answerer
from flywheel.errors import BadOption
from flywheel.evals.evalset.evalset import Evalset, EvalsetDefinition
from flywheel.evals.evalset.items import Item
from flywheel.evals.run.plan import Plan
from flywheel.jobs.process import Emit
from flywheel.levers.training.arguments import common
from flywheel.levers.training.config import Auto, Count, Event, Rates, Setup, TrainingConfig
from flywheel.levers.training.exams.alarm import describe_audits, emit_alarm
from flywheel.levers.training.exams.live import plain
from flywheel.levers.training.exams.result import ExamResult
from flywheel.levers.training.exams.roles import Roles, span
from flywheel.levers.training.methods.base import Base
from flywheel.levers.training.orders.numbers import Numbers, Schedule
from flywheel.levers.training.rewards.headroom import Sampling, probe
from flywheel.levers.training.rewards.reward_check import RewardCheck, check_rewards
from flywheel.levers.training.rewards.rewards import GraderReward, schema_of
from flywheel.levers.training.rows.split_rows import asked
from flywheel.samplers.local.chat import Chat, NoPrompt

# The most answers in one backward pass.
_MICRO = 64
_LONGEST_ANSWER = 512


class RFT(TrainingConfig, frozen=True):
    """Prompts from a file or the train split, rewarded by graders of the evalset.

    `reward` names the graders, by default the primary one. `unchecked` skips the check that refuses
    exploitable graders (`flywheel graders check`).
    """

    lever: Literal["rft"] = "rft"
    reward: tuple[str, ...] = ()
    reward_weights: tuple[float, ...] = ()
    unchecked: bool = False
    aggregate: Literal["sum_then_normalize", "normalize_then_sum"] = "sum_then_normalize"
    group_size: Annotated[int, Field(ge=2)] = 8
    max_completion_tokens: Count | Auto = "auto"
    temperature: Annotated[float, Field(gt=0, le=2)] = 1.0
    kl: Annotated[float, Field(ge=0, le=2)] = 0.0
    compute_multiplier: Annotated[float, Field(gt=1e-5, le=10)] | Auto = "auto"
    reasoning_effort: Literal["default", "low", "medium", "high"] = "default"
    response_format: dict[str, Any] | None = None

    row_kinds: ClassVar[tuple[Kind, ...]] = ("reward",)
    row_format: ClassVar[str] = "messages that end with the user's turn"
    rates: ClassVar[Rates] = Rates(adapter=(2e-3, 1e-5), full=(3e-4, 1e-6))
    usual_batch: ClassVar[int] = 8
    usual_steps: ClassVar[int | None] = 100
    usual_schedule: ClassVar[tuple[Schedule, str]] = (
        "constant",
        "a short rft still improves at its last step",
    )
    usual_exams: ClassVar[int | None] = 5
    keeps: ClassVar[Literal["newest", "best"]] = "best"

    @model_validator(mode="after")
    def _has_a_weight_each(self) -> Self:
        if len(self.reward_weights) not in (0, len(self.reward)):
            raise ValueError(
                f"{len(self.reward_weights)} reward_weights for {len(self.reward)} rewards;"
                " set one weight per reward"
            )
        return self

    def rewards(self, definition: EvalsetDefinition) -> Mapping[str, float]:
        """The graders in `reward`, by default the primary one, with their weights."""
        names = self.reward or (definition.primary,)
        return dict(zip(names, self.reward_weights or (1.0,) * len(names), strict=True))

    def check_rewards(
        self, plan: Plan, engine: Answerer, warn: Callable[[str], None]
    ) -> RewardCheck:
        """Raise WeakReward for rewards that can be earned without solving the task."""
        if self.unchecked:
            warn("unchecked: the rewards are not checked; run flywheel graders check")
            return RewardCheck(passed=False)
        rewards = self.rewards(plan.evalset.definition)
        return check_rewards(rewards, plan, engine, warn, evalset=self.evalset, judge=self.judge)

    def own_numbers(self, answer: int | None) -> Mapping[str, tuple[float, str]]:
        """Defaults for the length of an answer and the compute multiplier.

        Answers longer than the evalset's limit are never evaluated, so they are not trained either.
        """
        longest = (_LONGEST_ANSWER, "the default limit")
        if answer is not None and answer < _LONGEST_ANSWER:
            longest = (answer, "the evalset's limit")
        return {"max_completion_tokens": longest, "compute_multiplier": (1.0, "the default")}

    def split_rows(self, evalset: Evalset, items: Sequence[Item]) -> list[TrainingRow]:
        """The prompts of the items."""
        return [asked(evalset, item) for item in items]

    def trainer(self, setup: Setup) -> Any:
        """The GRPO trainer; each prompt carries its item for the graders. Raises BadOption."""
        from datasets import Dataset
        from trl.trainer.grpo_config import GRPOConfig

        from flywheel.levers.training.objectives.grpo_trainer import RewardTrainer

        _check_effort(setup.base, self)
        chat = setup.base.template.chat
        prompts = [_prompt(chat, self, row) for row in setup.rows]
        items = [json.dumps(dict(row.item), ensure_ascii=False) for row in setup.rows]
        longest = _longest_answer(setup.base, self.model, setup.numbers, prompts)
        (setup.folder / "completions").mkdir(parents=True, exist_ok=True)
        return RewardTrainer(
            folder=setup.folder,
            specials=not chat.templated,
            kl=self.kl,
            args=GRPOConfig(**self._arguments(setup, longest)),
            reward_funcs=list(self.reward_functions(setup.evalset.definition, setup.engine)),
            **setup.kwargs(Dataset.from_dict({"prompt": prompts, "item": items})),
        )

    def _arguments(self, setup: Setup, longest: int) -> dict[str, Any]:
        size = group_size(self, setup.numbers)
        answers = setup.numbers.batch_size * size
        micro = max(n for n in range(1, min(_MICRO, answers) + 1) if answers % n == 0)
        adapted = hasattr(setup.base.model, "disable_adapter")
        return {
            **common(setup.numbers, self.seed, setup.folder),
            "per_device_train_batch_size": micro,
            "gradient_accumulation_steps": answers // micro,
            "num_generations": size,
            "max_completion_length": longest,
            "temperature": self.temperature,
            "beta": 0.0 if adapted else self.kl,
            "loss_type": "dapo",
            "reward_weights": list(self.rewards(setup.evalset.definition).values()),
            "multi_objective_aggregation": self.aggregate,
            "log_completions": True,
            "num_completions_to_print": 0,
        }

    def reward_functions(
        self, definition: EvalsetDefinition, engine: Answerer
    ) -> list[GraderReward]:
        """The reward functions, in the config's order."""
        schema = schema_of(self.response_format) or definition.response_schema
        named = {grader.name: grader for grader in definition.graders}
        return [
            GraderReward(named[name], engine, schema=schema, tools=bool(definition.tools))
            for name in self.rewards(definition)
        ]

    def describe_rows(self, trainer: Any, setup: Setup) -> Iterator[Event]:
        """Notices about the rewards and audits."""
        for text in notices(self, setup.evalset.definition):
            yield "notice", {"text": text}

    def probe(self, trainer: Any, setup: Setup) -> str | None:
        """The headroom: whether sampling already finds better answers."""
        options: dict[str, Any] = {"temperature": self.temperature}
        if self.reasoning_effort != "default":
            options["reasoning_effort"] = self.reasoning_effort
        rewards = self.reward_functions(setup.evalset.definition, setup.engine)
        longest, k = trainer.args.max_completion_length, trainer.num_generations
        return probe(Sampling(self, setup, rewards, options, longest, k))

    def row_lengths(self, trainer: Any, base: Base) -> list[int]:
        """The number of tokens of each prompt; the length of future answers is unknown."""
        return [
            len(ids) for ids in base.tokenizer(list(trainer.train_dataset["prompt"]))["input_ids"]
        ]

    def step_inputs(self, trainer: Any, rows: Sequence[Any], batch_size: int) -> Sequence[Any]:
        """The prompts with answers sampled from the current model."""
        # TRL sets this only when the training loop begins.
        trainer.current_gradient_accumulation_steps = trainer.args.gradient_accumulation_steps
        prompts = [rows[i % len(rows)] for i in range(batch_size)]
        trainer._prepare_inputs([row for row in prompts for _ in range(trainer.num_generations)])
        parts, trainer._buffered_inputs = trainer._buffered_inputs, None
        return parts

    def largest_input(self, trainer: Any, part: Any) -> Any | None:
        """On a GPU, answers of the maximum length, which determine the peak memory."""
        import torch

        return longest_input(part, trainer.args) if torch.cuda.is_available() else None

    def after_exam(self, roles: Roles, exams: Sequence[ExamResult], emit: Emit) -> None:
        """Emit the alarm for reward hacking."""
        emit_alarm(roles, exams, emit)


def group_size(config: RFT, numbers: Numbers) -> int:
    """The number of answers per prompt: `group_size` times the compute multiplier."""
    return max(2, round(config.group_size * numbers.own["compute_multiplier"]))


def notices(config: RFT, definition: EvalsetDefinition) -> list[str]:
    """Notices for the user before an RFT begins."""
    roles = config.roles(definition)
    texts = [describe_audits(roles)]
    spans = {span(grader) for grader in definition.graders if grader.name in roles.rewards}
    if len(spans) > 1 and config.aggregate == "sum_then_normalize":
        texts.append(
            "the rewards have different ranges, so the widest one dominates; set"
            " aggregate=normalize_then_sum to give them equal weight"
        )
    return texts


def _check_effort(base: Base, config: RFT) -> None:
    """Raise BadOption for a reasoning effort that the chat template would ignore."""
    known = "reasoning_effort" in str(base.tokenizer.chat_template)
    if config.reasoning_effort != "default" and not known:
        raise BadOption(
            f"the chat template of {config.model!r} does not use reasoning_effort, so"
            f" {config.reasoning_effort!r} would have no effect; remove it"
        )


def _prompt(chat: Chat, config: RFT, row: TrainingRow) -> str:
    """The prompt as samplers render it. Raises BadOption with the row's location."""
    effort = config.reasoning_effort
    extra = {} if effort == "default" else {"reasoning_effort": effort}
    try:
        return chat.prompt([message.as_json() for message in row.prompt], row.tools, extra)
    except NoPrompt as error:
        raise BadOption(f"{row.where}: {error}") from None


def _longest_answer(base: Base, model: str, numbers: Numbers, prompts: Sequence[str]) -> int:
    """The limit on an answer's tokens: the config's, or less if the context is too small for the
    longest prompt plus that. Raises BadOption if there is no room at all.
    """
    most = int(numbers.own["max_completion_tokens"])
    text = plain(base.model).config.get_text_config(decoder=True)
    context = getattr(text, "max_position_embeddings", None)
    if context is None:
        return most
    longest = max(map(len, base.tokenizer(list(prompts))["input_ids"]))
    if longest >= context:
        raise BadOption(
            f"the longest prompt has {longest} tokens and the context of {model!r} is {context},"
            " which leaves no room for an answer; shorten the prompts, or remove such rows"
        )
    return min(most, context - longest)


def longest_input(part: Mapping[str, Any], arguments: Any) -> dict[str, Any]:
    """The input of a full pass in which every answer has the maximum length."""
    import torch

    many = arguments.per_device_train_batch_size
    made = {
        name: value[:1].repeat_interleave(many, dim=0)
        if isinstance(value, torch.Tensor) and value.ndim
        else value
        for name, value in part.items()
    }
    size = (many, arguments.max_completion_length)
    made["completion_ids"] = made["completion_ids"][:, :1].expand(size).contiguous()
    made["completion_mask"] = torch.ones_like(made["completion_ids"])
    return made
