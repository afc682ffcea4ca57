"""Recall and precision of decontamination on planted overlaps, at the size of a real data set.

    python -m bench.decontamination

Checks 200,000 training prompts of about 60 words, generated on the fly, against 5,000 evaluation prompts from two sets.
Some quote 8 words of an evaluation prompt at the start, in the middle or at the end, in capitals and with line breaks;
others quote 7, which is below the limit. Every other flagged prompt is checked against the n-grams themselves, as
words. Prints a Markdown table; exit code 1 if a planted overlap is missed, there is a false positive, or it takes more
than two minutes or 4 GiB. Takes half a minute on one core.
"""

import random
import resource
import sys
import time
from collections.abc import Iterator

from r1.data.decontamination import EvaluationNgrams, words

N = 8
TRAINING, EVALUATION, PLANTED = 200_000, 5_000, 2_000
MAX_SECONDS, MAX_GIB = 120, 4


def prompts(count: int, seed: int) -> Iterator[list[str]]:
    """Prompts of 40 to 80 words: Zipf-distributed words, as in English, and numbers, which are mostly new."""
    chance = random.Random(seed)
    vocabulary = [f"w{number}" for number in range(20_000)]
    ranks = [1 / rank for rank in range(1, len(vocabulary) + 1)]
    total = 0.0
    cumulative = [total := total + weight for weight in ranks]  # drawing from cumulative weights is ten times as fast
    for _ in range(count):
        text = chance.choices(vocabulary, cum_weights=cumulative, k=chance.randint(40, 80))
        for place in range(3, len(text), 12):
            text[place] = str(chance.randrange(10_000_000))
        yield text


def training(evaluation: list[list[str]]) -> Iterator[tuple[str, str]]:
    """Training prompts, each with the place of 8 planted words, a mark for 7 planted words, or neither."""
    chance = random.Random(2)
    kinds = ["start", "middle", "end", "short by a word"]
    planted = set(chance.sample(range(TRAINING), PLANTED * 2))
    for number, text in enumerate(prompts(TRAINING, seed=1)):
        kind = chance.choice(kinds[:3] if number % 2 else kinds[3:]) if number in planted else ""
        if not kind:
            yield "", f"{' '.join(text[:-1])}, {text[-1]}?"
            continue
        source = chance.choice(evaluation)
        length = N - 1 if kind == kinds[3] else N
        at = chance.randrange(len(source) - length)
        place = {"start": 0, "end": len(text)}.get(kind, len(text) // 2)
        quote = ",\n".join(source[at : at + length]).upper()
        fresh = ["here"] if kind == kinds[3] else []  # otherwise the next word might happen to be the eighth
        yield kind, " ".join([*text[:place], *fresh, quote, *fresh, *text[place:]])


def main() -> None:
    """Print the table; exit with 1 if a check fails."""
    evaluation = list(prompts(EVALUATION, seed=0))
    texts = [" ".join(text) for text in evaluation]
    started = time.perf_counter()
    index = EvaluationNgrams(N)
    index.add("first", texts[::2])
    index.add("second", texts[1::2])
    adding = time.perf_counter() - started
    planted: dict[str, int] = {}
    found: dict[str, int] = {}
    others: list[str] = []
    seconds, read = 0.0, 0
    for kind, text in training(evaluation):
        started = time.perf_counter()
        flagged = index.shared_by(text)
        seconds += time.perf_counter() - started
        read += len(text.split())
        if kind and kind != "short by a word":
            planted[kind] = planted.get(kind, 0) + 1
            found[kind] = found.get(kind, 0) + bool(flagged)
        elif flagged:
            others.append(text)
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # Linux counts KiB
    grams = {tuple(text[at : at + N]) for text in map(words, texts) for at in range(len(text) - N + 1)}
    by_chance = sum(
        any(tuple(asked[at : at + N]) in grams for at in range(len(asked) - N + 1)) for asked in map(words, others)
    )
    false = len(others) - by_chance

    print(
        f"| {TRAINING:,} training prompts, {read / TRAINING:.0f} words; {EVALUATION:,} evaluation prompts | n = {N} |"
    )
    print("|---|---|")
    print(f"| evaluation n-grams | {len(grams):,} |")
    print(f"| seconds for evaluation, training prompts | {adding:.1f}, {seconds:.1f} |")
    print(f"| peak memory of the process | {gib:.2f} GiB |")
    for kind, count in sorted(planted.items()):
        print(f"| planted at {kind}, found | {found[kind]}/{count} |")
    print(f"| other flagged prompts, which share {N} words by chance | {by_chance} |")
    print(f"| false positives | {false} |")
    sys.exit(found != planted or false > 0 or adding + seconds > MAX_SECONDS or gib > MAX_GIB)


if __name__ == "__main__":
    main()
