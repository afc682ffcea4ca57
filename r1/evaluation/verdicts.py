"""Strict and lenient verdict of completions; verification is expensive, so none is made twice."""

from collections.abc import Sequence

from r1.rewards.accuracy import are_correct
from r1.rewards.reading import read_leniently, read_strictly


def read_both_ways(
    completions: Sequence[str], tasks: Sequence[str], answers: Sequence[str]
) -> list[dict[str, str | bool | None]]:
    """The answer and the verdict of each completion [batch], strictly and leniently.

    Verification is expensive: where both readings find the same answer, it is verified once.

    Returns:
        By completion: predicted, correct, lenient_predicted, lenient_correct.

    Raises:
        UserError: if nothing can be verified, see `r1.tasks.verify_all`.
    """
    predicted, lenient_predicted = (
        [read(text, task) for text, task in zip(completions, tasks, strict=True)]
        for read in (read_strictly, read_leniently)
    )
    correct = are_correct(completions, tasks, answers, read_strictly)
    apart = [index for index, strict in enumerate(predicted) if strict != lenient_predicted[index]]
    again = are_correct(
        [completions[i] for i in apart], [tasks[i] for i in apart], [answers[i] for i in apart], read_leniently
    )
    lenient_correct = list(correct)
    for index, verdict in zip(apart, again, strict=True):
        lenient_correct[index] = verdict
    names = ("predicted", "correct", "lenient_predicted", "lenient_correct")
    return [
        dict(zip(names, row, strict=True))
        for row in zip(predicted, correct, lenient_predicted, lenient_correct, strict=True)
    ]
