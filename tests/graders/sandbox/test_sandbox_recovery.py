"""Fork servers that are killed, hosts that are killed, and what is left behind: nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from graders.asks import Failed, Returned
from graders.sandbox import Sandbox, Tier
from graders.ungraded import Kind

NOTHING: list[tuple[dict[str, Any], dict[str, Any]]] = [({}, {})]
SOURCE = "import time\ndef grade(sample, item):\n    time.sleep(0.002)\n    return item['n']"


def descendants(pid: int) -> set[int]:
    """The processes below `pid`, from /proc."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def alive(pids: set[int]) -> set[int]:
    """Those of `pids` that are running, not merely unburied."""
    running: set[int] = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if state != "Z":
            running.add(pid)
    return running


def gone(pids: set[int], seconds: float = 5.0) -> bool:
    until = time.monotonic() + seconds
    while alive(pids) and time.monotonic() < until:
        time.sleep(0.02)
    return not alive(pids)


def test_nothing_is_lost_when_fork_servers_are_killed(tier: Tier) -> None:
    kills = 0
    stop = threading.Event()

    def kill_servers() -> None:
        nonlocal kills
        while not stop.wait(0.15) and kills < 4:
            for pid in descendants(os.getpid()) - before:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            kills += 1

    before = descendants(os.getpid())
    with Sandbox(tier, workers=2) as sandbox:
        killer = threading.Thread(target=kill_servers)
        killer.start()
        answers = list(sandbox.grade(SOURCE, [({}, {"n": n}) for n in range(600)]))
        stop.set()
        killer.join()
    assert kills >= 2
    assert Counter(index for index, _ in answers) == Counter(range(600))
    # A child may be the one that was hit: its sample says "killed", and no score is wrong.
    for index, answer in answers:
        assert answer == Returned(float(index)) or (
            isinstance(answer, Failed) and answer.label in ("killed", "sandbox_died")
        )
    assert sum(isinstance(answer, Failed) for _, answer in answers) <= 2 * kills


def test_only_the_server_killed_means_every_value_is_there(tier: Tier) -> None:
    # Small batches come out one by one, so that no batch meets all the kills in its three tries.
    with Sandbox(tier, workers=2, batch=8) as sandbox:
        answers: dict[int, object] = {}
        for index, answer in sandbox.grade(SOURCE, [({}, {"n": n}) for n in range(500)]):
            assert index not in answers
            answers[index] = answer
            if len(answers) in (50, 150, 250, 350):
                os.kill(sandbox.server_pid(), signal.SIGKILL)
    assert answers == {n: Returned(float(n)) for n in range(500)}


def test_a_sandbox_that_keeps_dying_is_to_blame(tier: Tier) -> None:
    with Sandbox(tier, workers=1) as sandbox:
        answers = sandbox.grade("import time\ndef grade(s, i): time.sleep(9)", [({}, {})])
        stop = threading.Event()

        def keep_killing() -> None:
            while not stop.wait(0.3):
                os.kill(sandbox.server_pid(), signal.SIGKILL)

        killer = threading.Thread(target=keep_killing)
        killer.start()
        [(_, answer)] = list(answers)
        stop.set()
        killer.join()
    assert isinstance(answer, Failed)
    assert (answer.kind, answer.label) == (Kind.PYTHON_SERVER, "sandbox_died")


def test_a_run_survives_its_servers_death(tier: Tier) -> None:
    with Sandbox(tier) as sandbox:
        os.kill(sandbox.server_pid(), signal.SIGKILL)
        assert sandbox.run_code("print(1)").stdout == "1\n"


def test_close_leaves_no_process_and_no_file_descriptor(tier: Tier) -> None:
    before, processes = set(os.listdir("/proc/self/fd")), descendants(os.getpid())
    with Sandbox(tier, workers=2) as sandbox:
        list(sandbox.grade(SOURCE, [({}, {"n": n}) for n in range(100)]))
        list(sandbox.grade("import os\ndef grade(s, i): os.abort()", NOTHING * 5))
        started = descendants(os.getpid()) - processes
        assert started
    assert gone(started)
    assert set(os.listdir("/proc/self/fd")) <= before
    threads = [thread.name for thread in threading.enumerate() if "sandbox-" in thread.name]
    assert len(threads) <= 12  # those of the sandboxes that other tests share


HOST = """
import sys
from graders.sandbox import Sandbox, Tier
sandbox = Sandbox(Tier(sys.argv[1]), workers=2)
loop = "def grade(s, i):\\n    while True: pass"
next(iter(sandbox.grade("def grade(s, i): return 1", [({}, {})])))
print("ready", flush=True)
list(sandbox.grade(loop, [({}, {})] * 2))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_host_that_dies_leaves_nothing(tier: Tier, number: signal.Signals) -> None:
    command = [sys.executable, "-c", HOST, str(tier)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == "ready\n"
        time.sleep(0.3)
        started = descendants(host.pid)
        assert len(started) >= 3
        host.send_signal(number)
    assert gone(started)
