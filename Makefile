# make demo   the whole loop on the embedded model: measure, train, decide; some five minutes
# make test   the suite: behaviour, layers, style, types, docs; on every core
# make test-wide   what needs a browser, a model of 90 MB, or minutes
# make fix    formats the code and mends what ruff can mend
# make bench-harness   what a run costs, beside inspect_ai, lm-eval and deepeval
# make bench-levers   what each lever does to the embedded model, three seeds; an hour
# make bench-hacking   whether hacked rewards raise the alarm, and honest ones do not; a quarter of an hour
# make bench-overhead   SFT and GRPO beside bare TRL, CPU seconds; a quarter of an hour
# make bench-gpu   training and sampling at 0.5B and 1.5B shapes; where a GPU is, nine minutes
# make bench-concurrent   ten runs at once in one process, beside the same work as one run
# make bench-stats   coverage, power and speed of the statistics, one JSON line a figure
# make bench-truth   wrong promotions, coverage and power on data whose truth is known; an hour
# make bench-graders   the graders' speed beside the libraries they use, one JSON line a figure

PYTHON ?= python3
PIP = .venv/bin/pip install --quiet --disable-pip-version-check -c constraints.txt

demo: .venv/train
	.venv/bin/flywheel demo

# One thread a test process: the processes are what uses the cores.
test: .venv/dev
	OMP_NUM_THREADS=1 .venv/bin/python -m pytest -q -n auto --dist worksteal $(ARGS)

test-wide: .venv/wide
	OMP_NUM_THREADS=1 .venv/bin/python -m pytest -q -m wide $(ARGS)

fix: .venv/dev
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench-graders: .venv/dev
	.venv/bin/python -m benchmarks.graders

bench-levers: .venv/dev
	.venv/bin/python -m benchmarks.levers

bench-hacking: .venv/dev
	.venv/bin/python -m benchmarks.alarms
	.venv/bin/python -m benchmarks.hacking

bench-overhead: .venv/dev
	.venv/bin/python -m benchmarks.overhead

bench-gpu: .venv/dev
	.venv/bin/python benchmarks/gpu.py

bench-concurrent: .venv/dev
	.venv/bin/python -m benchmarks.side_by_side

bench-stats: .venv/dev
	.venv/bin/python -m benchmarks.stats

bench-truth: .venv/dev
	.venv/bin/python -m benchmarks.truth

bench-harness: .venv/dev .venv-peers/ready
	.venv/bin/python -m benchmarks.harness

# Without the peers the benchmark runs all the same, and says that they are missing.
.venv-peers/ready:
	$(PYTHON) -m venv .venv-peers
	-.venv-peers/bin/pip install --quiet torch==2.13.0 transformers==5.23.0 inspect_ai 'lm_eval[hf]' deepeval
	@touch $@

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Flywheel needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V 2>&1)." \
	       "Name another one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/core: .venv/bin/pip pyproject.toml constraints.txt
	$(PIP) -e .
	@touch $@

.venv/train: .venv/bin/pip pyproject.toml constraints.txt
	$(PIP) -e '.[train]'
	@touch $@ .venv/core

.venv/dev: .venv/bin/pip pyproject.toml constraints.txt
	$(PIP) -e '.[dev]'
	@touch $@ .venv/core .venv/train

.venv/wide: .venv/bin/pip pyproject.toml constraints.txt
	$(PIP) -e '.[wide]'
	@touch $@ .venv/core .venv/train .venv/dev

.PHONY: demo test test-wide fix bench-gpu bench-stats bench-truth bench-concurrent bench-graders bench-harness bench-levers bench-hacking bench-overhead
