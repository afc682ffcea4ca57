"""Workers of mathematics: no answer holds them up, none harms the next, and none is left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from r1.rewards.accuracy import AccuracyReward
from r1.tasks import mathematics
from r1.tasks.math_workers import POOL, WALL_SECONDS, Found, Pool, WorkersFailed
from tests.conftest import ROOT, run_alone

SLOW = ("2", "9^{9^{9^{9}}}")
EQUAL, UNEQUAL = ("0.5", "\\frac{1}{2}"), ("0.5", "\\frac{1}{3}")
TOWER, SLOWER = "9^{9^{9^{9}}}", "9^{9^{9^{8}}}"
"""Where gold is a tower, the guards let a tower pass, and sympy takes longer than anybody would wait."""


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(2, cpu_seconds=0.5) as pool:
        yield pool


def values(found: list[Found]) -> list[object]:
    return [result.value for result in found]


def is_alive(process: int) -> bool:
    """Running, or a zombie."""
    return Path(f"/proc/{process}").exists()


def test_answers_keep_their_order(pool: Pool) -> None:
    wanted = [number % 3 == 0 for number in range(60)]
    assert values(pool.ask([EQUAL if right else UNEQUAL for right in wanted])) == wanted
    assert len(pool.workers) == 2 and pool.replaced == 0


def test_an_answer_that_takes_too_long_is_ended_and_the_others_are_not(pool: Pool) -> None:
    found = pool.ask([EQUAL, SLOW, EQUAL, UNEQUAL, SLOW, EQUAL])
    assert [result.lost for result in found] == [None, "time", None, None, "time", None]
    assert values(found) == [True, None, True, False, None, True]
    assert pool.replaced == 2
    assert max(result.seconds for result in found) >= 0.5


def test_a_worker_that_stands_still_is_ended_by_the_clock() -> None:
    with Pool(1) as pool:
        assert values(pool.ask([EQUAL])) == [True]
        (worker,) = pool.workers
        worker.process.send_signal(signal.SIGSTOP)
        pool.wall_seconds = 1
        (found,) = pool.ask([EQUAL])
        assert found.lost == "time" and 1 <= found.seconds < 30
        pool.wall_seconds = WALL_SECONDS
        assert values(pool.ask([EQUAL])) == [True]


@pytest.mark.parametrize("megabytes", [15, 150], ids=["over-the-bound", "refused-by-the-kernel"])
def test_what_takes_too_much_memory_is_lost_and_harms_nothing_else(megabytes: int) -> None:
    large = ("\\boxed{4}", "", "x" * megabytes * 2**20)  # no request: what matters is its size
    with Pool(1, memory_bytes=75 * 2**20) as pool:
        found = pool.ask([EQUAL, large, EQUAL])
        assert [result.lost for result in found] == [None, "memory", None]
        assert pool.replaced == 2, "asked again, of a new worker"


def test_the_kernel_refuses_memory_beyond_twice_the_bound() -> None:
    with Pool(1, memory_bytes=2**27) as pool:
        pool.ask([EQUAL])
        (worker,) = pool.workers
        limits = Path(f"/proc/{worker.process.pid}/limits").read_text().splitlines()
    (address_space,) = (line for line in limits if line.startswith("Max address space"))
    assert address_space.split()[3:5] == [str(2**28)] * 2


def test_a_worker_that_somebody_kills_costs_no_answer(pool: Pool) -> None:
    pool.ask([EQUAL] * 4)
    for worker in pool.workers:
        worker.process.kill()
    assert values(pool.ask([EQUAL, UNEQUAL, EQUAL, UNEQUAL])) == [True, False] * 2


def test_a_worker_that_is_killed_at_work_costs_no_answer() -> None:
    with Pool(1) as pool:
        pool.ask([EQUAL])
        (worker,) = pool.workers
        worker.process.send_signal(signal.SIGSTOP)  # or it would be done before it is killed
        killer = threading.Timer(0.3, worker.process.kill)
        killer.start()
        assert values(pool.ask([EQUAL])) == [True]
        killer.join()
        assert pool.replaced == 1


def test_nothing_is_left_when_a_pool_closes(pool: Pool) -> None:
    pool.ask([EQUAL, SLOW, EQUAL])
    processes = [worker.process.pid for worker in pool.workers]
    assert processes and all(map(is_alive, processes))
    pool.close()
    assert not any(map(is_alive, processes))
    assert values(pool.ask([EQUAL])) == [True], "and it opens again"


def test_an_interrupted_caller_leaves_no_reply_to_the_next() -> None:
    with Pool(1) as pool:
        pool.ask([EQUAL])
        alarm = signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(KeyboardInterrupt):
                pool.ask([SLOW])
        finally:
            signal.signal(signal.SIGALRM, alarm)
        assert not pool.workers
        assert values(pool.ask([UNEQUAL])) == [False]


def test_a_forked_child_has_workers_of_its_own() -> None:
    assert mathematics.verify("x/2", "0.5x")
    before = {worker.process.pid for worker in POOL.workers}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork where there are threads: the very point
        child = os.fork()
    if child == 0:
        right = mathematics.verify("x/2", "0.5x") and not mathematics.verify("x/3", "0.5x")
        own = not before & {worker.process.pid for worker in POOL.workers}
        POOL.close()
        os._exit(0 if right and own else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert {worker.process.pid for worker in POOL.workers} == before
    assert mathematics.verify("x/2", "0.5x")


def test_threads_take_turns() -> None:
    results: dict[int, bool] = {}

    def ask(number: int) -> None:
        found = mathematics.verify_all(["x/2"] * 5, ["0.5x", "0.25x"] * 2 + ["0.5x"])
        results[number] = found == [True, False, True, False, True]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == dict.fromkeys(range(6), True)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), 9)"], ids=["at-exit", "killed"])
def test_workers_end_with_their_process(end: str) -> None:
    code = (
        "import os; from r1.tasks import mathematics; from r1.tasks.math_workers import POOL;"
        "mathematics.verify('x/2', '0.5x'); print(*(w.process.pid for w in POOL.workers), flush=True);" + end
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    deadline = time.monotonic() + 10
    while is_running(int(said)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(int(said))


def is_running(process: int) -> bool:
    """Not as a zombie: in a container, nobody may be there to wait for an orphan."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_workers_that_do_not_start_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not scored as wrong."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with (
        Pool(1) as pool,
        pytest.raises(WorkersFailed, match=r"no worker for mathematics comes up: `/bin/false .*with 1"),
    ):
        pool.ask([EQUAL])


def test_neither_the_process_nor_a_worker_needs_torch_for_a_verdict() -> None:
    run_alone(
        "import sys; from r1.tasks import mathematics; from r1.tasks.math_workers import POOL;"
        "assert mathematics.verify('x/2', '0.5x');"
        "assert not {'torch', 'trl', 'vllm', 'math_verify'} & set(sys.modules);"
        "(worker,) = POOL.workers; maps = open(f'/proc/{worker.process.pid}/maps').read(); assert 'torch' not in maps"
    )


def test_no_worker_is_started_for_what_is_refused_or_for_other_tasks() -> None:
    run_alone(
        "from r1.rewards.accuracy import AccuracyReward; from r1.tasks.math_workers import POOL;"
        "reward = AccuracyReward();"
        "said = ['<think>a</think><answer>%s</answer>' % answer for answer in ('4', '9^{9^{9^9}}', '4' * 10**6)];"
        "assert reward(completions=said, task=['chain_sum', 'math', 'math'], answer=['4', '4', '4']) == [1, 0, 0];"
        "assert not POOL.workers"
    )


def test_what_is_lost_is_not_silently_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    with Pool(2, cpu_seconds=0.5) as pool:
        monkeypatch.setattr(mathematics, "POOL", pool)
        said = [f"<think>a</think><answer>{answer}</answer>" for answer in ("y", SLOWER, "9^{81}", SLOWER)]
        for so_far in (1, 2):
            with pytest.warns(UserWarning, match=r"1 answers exceeded the limits.*; so far \d+ took more") as caught:
                values = AccuracyReward()(
                    completions=said, task=["math"] * 4, answer=["x + 1", TOWER, "3^{162}", TOWER]
                )
            assert values == [0.0, 0.0, 1.0, 0.0]
            assert len(caught) == 1 and pool.replaced == so_far


def test_an_answer_or_gold_of_any_length_is_refused_before_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mathematics, "POOL", None)
    long = "x + " * 500 + "1"
    with pytest.raises(AttributeError):
        mathematics.verify("1 + x", "x + 1")
    monkeypatch.setattr(mathematics, "POOL", asked := Asked())
    assert mathematics.verify_all([long, "x + 1", long], ["x + 1", long, long]) == [False] * 3
    assert mathematics.readable([long]) == [False]
    assert asked.requests == []


class Asked:
    """Stands for a pool: keeps what it is asked."""

    def __init__(self) -> None:
        self.requests: list[object] = []

    def ask(self, requests: list[object]) -> list[Found]:
        self.requests += requests
        return [Found(None, None, 0.0) for _ in requests]


def test_nothing_in_an_answer_breaks_the_line_to_a_worker(pool: Pool) -> None:
    texts = ["\ud800", "\0", "4\n[true, 0]\n", '"]', "\u2028", "{" * 20_000, "é" * 60_000, ""]
    found = pool.ask([(text, "x+1") for text in texts] + [EQUAL])
    assert values(found)[-1] is True and True not in values(found)[:-1]


@pytest.mark.slow
def test_the_verdicts_on_ordinary_answers_are_those_of_trl() -> None:
    """All of bench/math_cases.py's ordinary answers, and each against another's gold."""
    import random

    from trl.rewards import accuracy_reward as trls

    from bench.math_cases import ordinary

    rng = random.Random(5)
    drawn = [ordinary(rng) for _ in range(80)]
    pairs = [(gold, answer) for gold, right, wrong in drawn for answer in (right, wrong)]
    pairs += [(drawn[at][0], drawn[at - 1][1]) for at in range(len(drawn))]
    boxed = [[{"role": "assistant", "content": f"\\boxed{{{answer}}}"}] for _, answer in pairs]
    theirs = trls(boxed, [f"\\boxed{{{gold}}}" for gold, _ in pairs])
    ours = mathematics.verify_all([answer for _, answer in pairs], [gold for gold, _ in pairs])
    assert 60 < sum(value == 1.0 for value in theirs) < 200
    assert ours == [value == 1.0 for value in theirs]


def test_a_worker_reads_percentages(pool: Pool) -> None:
    """With ANTLR 4.9.3, which Hydra pins, latex2sympy2's visitor of percentages raises."""
    assert values(pool.ask([("\\frac{x}{10}", "10\\%x"), ("0.1", "10\\%"), ("0.1", "1\\%")])) == [True, True, False]
