"""Real mathematics: answers in LaTeX or plain numbers, verified part by part, expressions by sympy.

Instance: gold "0.5", answered "\\frac{1}{2}" -> right. Its problems come from data sets, none are generated here.
TRL's accuracy_reward gives both texts to math-verify; we read them first (r1/tasks/answers), because on real data
math-verify pays function values, roman units and tiny numbers that are wrong, and refuses units and dress.
"""

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from r1.tasks.answers.guards import is_askable
from r1.tasks.answers.kinds import Answer, Expression
from r1.tasks.answers.matching import Question, match
from r1.tasks.answers.quantities import Quantity, same_unit
from r1.tasks.answers.structure import read, says_something
from r1.tasks.math_workers import CPU_SECONDS, MEMORY_BYTES, POOL

NAME = "math"
MAX_CHARACTERS = 2_000
"""Of an answer or a gold answer; what is longer equals nothing."""
_MAX_ROUNDS = 50
"""Of questions to the workers: one, but for lists, where what is asked next depends on what is equal."""
_lost: Counter[str] = Counter()


def verify(predicted: str, gold: str) -> bool:
    """Equal as mathematics, and an answer: see `verify_all`."""
    return verify_all([predicted], [gold])[0]


def verify_all(predicted: Sequence[str], gold: Sequence[str], digits: int | None = None) -> list[bool]:
    """Each answer [batch] against its gold answer [batch], as many at a time as there are workers.

    An answer that is gold's letters is right, whatever they are. A whole number is to be worked out: "1 + 3" is no
    answer where gold is 4, nor is a power tower. A model that reduces no fraction is still right. What remains: an
    expression need not be as simple as gold, "\\sqrt{50}" passes for "5\\sqrt{2}".

    What exceeds a worker's limits is wrong, with a warning.

    Args:
        predicted: [batch].
        gold: [batch].
        digits: significant digits in which a plain number has to agree with a gold number that is not whole;
            None: all of them, so that 0.333 is not 1/3.

    Raises:
        WorkersFailed: if workers do not start.
    """
    pairs = list(zip(predicted, gold, strict=True))
    texts = {text for pair in pairs for text in pair if len(text) <= MAX_CHARACTERS}
    readings = {text: _reading(text) for text in texts}
    right = {pair for pair in pairs if pair[0] in texts and pair[1] in texts and _letters(pair[0]) == _letters(pair[1])}
    right = {pair for pair in right if _letters(pair[0])}
    open_pairs: dict[tuple[str, str], tuple[Answer, Answer]] = {}
    for pair in dict.fromkeys(pairs):  # in a group many answers are the same
        said, wanted = readings.get(pair[0]), readings.get(pair[1])
        if said is None or wanted is None or pair in right:
            continue
        if digits is not None and _agree_in(digits, said, wanted):
            right.add(pair)
        else:
            open_pairs[pair] = said, wanted
    known: dict[Question, bool] = {}
    for _ in range(_MAX_ROUNDS):
        asked: dict[Question, tuple[str, str]] = {}
        for pair, (said, wanted) in list(open_pairs.items()):
            equal, questions = _decide(said, wanted, known)
            if equal and questions:
                asked.update(dict.fromkeys(questions, pair))
                continue
            del open_pairs[pair]
            if equal:
                right.add(pair)
        if not asked:
            break
        known.update(_ask(asked))
    return [pair in right for pair in pairs]


def _agree_in(digits: int, answer: Answer, gold: Answer) -> bool:
    """Two plain numbers of one unit that differ by at most half a unit of gold's last digit that counts."""
    ours, wanted = answer.what, gold.what
    if not isinstance(ours, Quantity) or not isinstance(wanted, Quantity) or wanted.integer or not wanted.value:
        return False
    half = Fraction(1, 2) / Fraction(10) ** (digits - 1 - _magnitude(abs(wanted.value)))
    return same_unit(wanted.unit, ours.unit) and abs(ours.value - wanted.value) <= half


def _magnitude(value: Fraction) -> int:
    """The power of ten of a positive number's first digit: 2 of 314, -1 of 0.25."""
    power = len(str(value.numerator)) - len(str(value.denominator))
    return power if value >= Fraction(10) ** power else power - 1


def readable(golds: Sequence[str]) -> list[bool]:
    """Whether another spelling than its own could equal each gold answer [batch].

    Not if its LaTeX is broken, or nobody can read it; if it says where the answer is ("See solution"), is a sentence,
    or a statement about numbers ("5 = 4").
    """
    readings = [_reading(gold) if len(gold) <= MAX_CHARACTERS else None for gold in golds]
    asked: dict[Question, tuple[str, str]] = {}
    for gold, reading in zip(golds, readings, strict=True):
        if reading is not None and isinstance(reading.what, Expression):
            asked[reading.what.latex, reading.what.latex, "equal"] = gold, gold
    known = _ask(asked) if asked else {}
    return [
        reading is not None
        and says_something(reading)
        and (not isinstance(what := reading.what, Expression) or known[what.latex, what.latex, "equal"])
        for reading in readings
    ]


def _letters(text: str) -> str:
    """Without white space, but between two digits."""
    return re.sub(r"(?<!\d)\s+|\s+(?!\d)", "", text)


def _reading(text: str) -> Answer | None:
    try:
        return read(text)
    except RecursionError:
        return None


def _decide(answer: Answer, gold: Answer, known: dict[Question, bool]) -> tuple[bool, list[Question]]:
    """Equal as far as is known, and what has to be asked to be sure of it."""
    questions: list[Question] = []

    def ask(question: Question) -> bool:
        ours, theirs, how = question
        if how == "equal" and ours.replace(" ", "") == theirs.replace(" ", ""):
            return True
        if question not in known:
            if not is_askable(theirs, ours):
                return False
            questions.append(question)
        return known.get(question, True)

    return match(gold, answer, ask), questions


def _ask(asked: dict[Question, tuple[str, str]]) -> dict[Question, bool]:
    """What the workers say; warns of how many answers were lost, and in all so far: Python shows a warning but once."""
    found = POOL.ask(list(asked))
    lost = [(pair[0], why) for pair, (_, why, _) in zip(asked.values(), found, strict=True) if why]
    if lost:
        _lost.update(why for _, why in lost)
        warnings.warn(
            f"math: {len(lost)} answers exceeded the limits and equal nothing, such as {lost[0][0][:80]!a}; "
            f"so far {_lost['time']} took more than {CPU_SECONDS:g} s of processor time, "
            f"{_lost['memory']} more than {MEMORY_BYTES >> 20} MiB",
            stacklevel=4,
        )
    return {question: value is True for question, (value, *_) in zip(asked, found, strict=True)}
