"""The process of a job: `python -m flywheel.levers.training.worker FOLDER [DESCRIPTOR]`.

It trains by the folder's order and writes down, in the folder, all that others know of it:

events.jsonl  what happened, an event a line        heartbeat  touched each second; the last step
stacks.txt    where each thread was, when asked     lock       held as long as the process lives

It reads `control`: "pause" or "cancel", obeyed between steps, and within a second before the first
one and in an exam; SIGTERM means pause. Exit codes:
0 finished, 10 paused, 11 cancelled, 1 failed. SIGUSR1 writes the stacks. A process in which nothing
happens for too long writes them too and ends itself, so that a job nobody follows ends as well;
one that was stopped from outside (SIGSTOP) cannot. DESCRIPTOR holds the lock, where the starter
took it.
"""

from __future__ import annotations

import errno
import faulthandler
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TextIO

from flywheel.errors import FlywheelError, is_out_of_memory
from flywheel.extras import missing_extra
from flywheel.files import write_whole
from flywheel.jobs.job_root import resume_command
from flywheel.jobs.journal import Event, Journal, holds_lock, take_lock, write_holder

Tell = Callable[[str, Mapping[str, Any]], None]
Word = Literal["go", "pause", "cancel"]
Control = Callable[[], Word]
Train = Callable[[Path, Tell, Control], object]

CONTROL, HEARTBEAT, STACKS, LOG = "control", "heartbeat", "stacks.txt", "log.txt"
EXIT_CODES = {"finished": 0, "failed": 1, "paused": 10, "cancelled": 11}
STALL_SECONDS = "FLYWHEEL_STALL_SECONDS"
THREADS = "FLYWHEEL_THREADS"
# Who follows a job ends it first, and can say more; this is for a job that nobody follows.
_GRACE = 1.2, 5.0


class FolderGone(FlywheelError):
    """The folder of a job was moved or removed while its process worked."""


class Pulse:
    """Shows that the process lives, and when something last happened in it.

    The heartbeat's time is a thread's: a stuck trainer keeps it young. What it says is the step and
    when the trainer last told something or asked for a word.
    """

    def __init__(self, folder: Path, limit: float | None, stacks: TextIO) -> None:
        self._path = folder / HEARTBEAT
        self._limit, self._stacks = limit, stacks
        self._step: int | None = None
        self._at, self._armed = time.time(), 0.0
        self._over = threading.Event()
        self.progress()
        self._write()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def progress(self, step: int | None = None) -> None:
        """Something happened."""
        self._step = self._step if step is None else step
        self._at = time.time()
        if self._limit is not None and self._at - self._armed >= min(1.0, self._limit / 10):
            self._armed = self._at
            wait = self._limit * _GRACE[0] + _GRACE[1]
            # A thread of its own, which needs no interpreter: also a stuck extension is ended.
            faulthandler.dump_traceback_later(wait, exit=True, file=self._stacks)

    def stop(self) -> None:
        """No more beats."""
        faulthandler.cancel_dump_traceback_later()
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(1):
            # A full disk stops the trainer when it writes; the heart need not say so too.
            with suppress(OSError):
                self._write()

    def _write(self) -> None:
        at = datetime.fromtimestamp(self._at, UTC).isoformat(timespec="milliseconds")
        told = json.dumps({"pid": os.getpid(), "step": self._step, "at": at})
        write_whole(self._path, told + "\n", durable=False)


class _Asked:
    """What the job is asked to do. Asking is a sign of life; to `peek` is none."""

    def __init__(self, peek: Control, pulse: Pulse) -> None:
        self.peek = peek
        self._pulse = pulse

    def __call__(self) -> Word:
        self._pulse.progress()
        return self.peek()


def work(folder: Path, train: Train, descriptor: int | None = None) -> int:
    """Do the job of a folder by `train`, and give the exit code. It must not be at work already.

    `train` tells each event, and asks for the word between steps; both count as progress, and to
    `peek` at the word, which the `control` that it gets can do too, does not. Having
    been told to pause or to cancel, it keeps a checkpoint where that is asked and returns.
    """
    descriptor = take_lock(folder) if descriptor is None else descriptor
    if descriptor is None:
        sys.stderr.write(f"Error: {folder}: another process is at work here\n")
        return EXIT_CODES["failed"]
    # The lock is this process's alone: what it starts may outlive it.
    os.set_inheritable(descriptor, False)
    write_holder(descriptor)
    with (folder / STACKS).open("a", encoding="utf-8") as stacks:
        faulthandler.enable(stacks)
        faulthandler.register(signal.SIGUSR1, stacks, all_threads=True)
        limit = float(os.environ.get(STALL_SECONDS) or 0) or None
        pulse, journal = Pulse(folder, limit, stacks), Journal(folder)
        try:
            return _work(folder, train, journal, pulse, descriptor)
        finally:
            pulse.stop()
            journal.close()
            faulthandler.unregister(signal.SIGUSR1)
            faulthandler.disable()


def _work(folder: Path, train: Train, journal: Journal, pulse: Pulse, lock: int) -> int:
    said: list[Event] = []
    asked_to_end = threading.Event()
    word: list[Word] = ["go"]

    def tell(kind: str, detail: Mapping[str, Any]) -> None:
        step = detail.get("step")
        pulse.progress(step if kind == "step" and isinstance(step, int) else None)
        said[:] = [journal.tell(kind, detail)]

    def peek() -> Word:
        if not holds_lock(folder, lock):
            raise FolderGone(f"{folder} was moved or removed, so the training stops")
        asked: Word = "pause" if asked_to_end.is_set() else read_word(folder)
        word[:] = [asked]
        return asked

    control = _Asked(peek, pulse)

    signal.signal(signal.SIGTERM, lambda number, frame: asked_to_end.set())
    try:
        train(folder, tell, control)
        if not said or said[-1].kind not in EXIT_CODES:
            tell({"go": "finished", "pause": "paused", "cancel": "cancelled"}[word[0]], {})
    except BaseException as error:
        traceback.print_exc()
        if not said or said[-1].kind not in EXIT_CODES:
            told, remedy = explain(error, folder)
            with suppress(OSError):
                tell("failed", {"error": told, "remedy": remedy})
            return EXIT_CODES["failed"]
    return EXIT_CODES[said[-1].kind]


def read_word(folder: Path) -> Word:
    """What the job was last asked to do: to go on, where nothing was asked."""
    try:
        text = (folder / CONTROL).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return "go"
    return "pause" if text == "pause" else "cancel" if text == "cancel" else "go"


def explain(error: BaseException, folder: Path) -> tuple[str, str]:
    """What went wrong in a line, and what to do about it."""
    again = resume_command(folder)
    first = next((line for line in str(error).splitlines() if line.strip()), "").strip()
    told = f"{type(error).__name__}: {first}" if first else type(error).__name__
    if isinstance(error, FlywheelError):
        return str(error), f"mend that, then: {again}"
    if line := missing_extra(error):
        return line, f"install it, then: {again}"
    if is_out_of_memory(error):
        return told, "start again with a smaller batch_size or max_length, or with method.kind=lora"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return told, f"free some space; the last checkpoint is kept, go on with: {again}"
    return told, f"{folder / LOG} has the whole story; then: {again}"


def set_threads(cores: int) -> None:
    """How many threads torch uses, said before it is loaded. The user's own settings win.

    On two cores or fewer one thread is fastest: a second one waits for the first, and for others.
    """
    wanted = os.environ.get(THREADS) or ("1" if cores <= 2 else None)
    if wanted is not None and "OMP_NUM_THREADS" not in os.environ:
        os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = wanted
    # A tokenizer's own threads would only warn that the process forked.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def _train(folder: Path, tell: Tell, control: Control) -> object:
    from flywheel.levers.training.order import load_order
    from flywheel.levers.training.packages import check_packages

    order = load_order(folder)
    check_packages(order.config)
    from flywheel.levers.training.train import run

    return run(order, folder, tell, control)


if __name__ == "__main__":
    set_threads(len(os.sched_getaffinity(0)))
    # One process, one GPU: given more, the trainer would split each batch among them, unasked.
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")
    inherited = int(sys.argv[2]) if len(sys.argv) > 2 else None
    sys.exit(work(Path(sys.argv[1]), _train, inherited))
