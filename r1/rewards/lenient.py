"""The lenient reading of a completion: the answer that the field's evaluators read.

In this order:
1. What follows `</think>`, also where the template opened the block; what follows the end of the turn is another turn.
2. The last `<answer>`, if there is one: the form that our prompts ask for.
3. The last claim (r1/rewards/claims.py): `\\boxed{4}`, `#### 4`, "the answer is 4", "答案：4".
4. The last line, if it states a result: "4", "**4**", "3 + 1 = 4", "The sum is 4.", "So she has 4 apples."

lighteval (math-verify) and lm-evaluation-harness read the same places, then take any last number. We do not: a number
that no form presents as the answer is undecided, and what is undecided is not read. bench/completion_forms.py compares.
"""

import re

from r1.rewards.claims import MAX_CHARACTERS, Claim, is_open_before, standing, without_lead
from r1.rewards.lenient_code import lenient_code
from r1.tasks import VERIFIERS, code
from r1.tasks.answers.spelling import undressed

_NEXT_TURN = re.compile(
    r"<\|(?:im_end|im_start|endoftext|eot_id|end_of_text|end)\|>|</s>|<end_of_turn>|<\uff5cend\u2581of\u2581sentence\uff5c>"
    r"|(?<=\n)(?:User|Human|用户) ?[:：]"
)
_NEXT_PROBLEM = re.compile(r"\n(?:Question|Problem|Q|问题|题目)(?: \d{1,3})? ?[:：]")
_TAG = re.compile(r"</?(?:think|answer)>")
_SENTENCE_END = re.compile(r"[.!?](?=\s)|[。！？]")
_OPERATION = re.compile(r"[\d)}][^=]*(?:[-+*/×÷·−^]|\\(?:times|cdot|div|frac|dfrac)(?![A-Za-z]))|\\d?frac")
_PROSE = re.compile(r"(?<![\\A-Za-z])[A-Za-z]")
_COPULA = re.compile(
    r"(?:\b(?:is|are|equals|equal to|gives|get|gets|yields|makes|make|(?:it|that)['’]s)\b|[是为得]|等于|一共有?) ?:? ?",
    re.IGNORECASE,
)
_CONCLUDES = re.compile(
    r"(?:so|thus|hence|therefore|in total|altogether|finally|then|in conclusion)\b|所以|因此", re.IGNORECASE
)
_IS_THE_ANSWER = re.compile(r"(?:so |thus |hence )?(.{1,80}) is (?:the|our|my) (?:final |correct )?(?:answer|result)")
_SUPPOSES = re.compile(r"(?:suppose|let|assume|try|consider|say|set|if|假设|设)\b", re.IGNORECASE)
_LABEL = re.compile(r"(?:result|solution|total|sum|结果) ?[:：] ?", re.IGNORECASE)
_END_OF_ENVIRONMENT = re.compile(r"\\end\{[a-z*]+\}")
_VALUE = re.compile(r"[-+−]?(?:[$€£¥] ?)?\d[\d,]*(?:\.\d+)?(?:/\d+)?%?")
_VALUE_BEGINS = re.compile(r"[*_`]{0,2}(?:[-+−$€£¥\\(\[√π∞|]|\d)")
_NO_CONCLUSION = re.compile(
    r"\b(?:not?|never|cannot|than|least|most|between|about|nearly|almost|over|under|or|let|let's|step|first|next|try|check"
    r"|verify|start|would|could|might|may|maybe|perhaps|possibly|probably|if|whether|either|neither|guess)\b|n['’]t\b"
    r"|也许|可能|如果|不|吗|或",
    re.IGNORECASE,
)


def lenient_answer(completion: str, task: str = "math") -> str | None:
    """The answer of a completion in any usual form; None if it has none or it is undecided. Never raises.

    >>> lenient_answer("I add.</think>The sum of 3 and 1 is $\\\\boxed{4}$.")
    '4'
    >>> lenient_answer("Is the answer 4?") is None
    True
    """
    turn = _before(_NEXT_TURN, completion)
    _, closed, said = turn.rpartition("</think>")
    answers = [part.partition("</answer>")[0] for part in said.split("<answer>")[1:]]
    answers = [answer for answer in answers if answer.strip()]
    if task == code.NAME:
        return lenient_code(answers[-1] if answers else _TAG.sub("", said))
    if answers:
        return _of_tag(answers[-1].strip(), task)
    text = _before(_NEXT_PROBLEM, "\n".join(lines_of(_TAG.sub("\n", said))))
    if claim := standing(text):
        return _claimed(claim)
    finished = closed or "<think>" not in said  # a chain of thought that was cut off concludes nothing
    return _of_last_line(text) if finished else None


def lines_of(text: str) -> list[str]:
    """The lines that say something, with single spaces."""
    return [line for raw in text.splitlines() if (line := " ".join(raw.split()))]


def _before(pattern: re.Pattern[str], text: str) -> str:
    """What precedes the first match; all, if nothing does."""
    found = pattern.search(text)
    return text[: found.start()] if found and text[: found.start()].strip() else text


def _claimed(claim: Claim) -> str | None:
    return None if claim.text is None else undressed(claim.text) or None


def _of_tag(content: str, task: str) -> str | None:
    """The content of an answer's tag; a board or a matrix of many lines is left as it is."""
    claim = standing("\n".join(lines_of(content))) if task in VERIFIERS else None
    if claim is not None:
        return _claimed(claim)
    if task in VERIFIERS and "\n" not in content and len(content) <= MAX_CHARACTERS:
        return undressed(_worked_out(content) or content) or None
    return content


def _of_last_line(text: str) -> str | None:
    lines = reversed(text.split("\n"))
    line = next((line for line in lines if re.search(r"\w", line) and not _END_OF_ENVIRONMENT.fullmatch(line)), "")
    if not 0 < len(line) <= MAX_CHARACTERS:
        return None
    begin = 0
    for end in _SENTENCE_END.finditer(line.rstrip(" *_.!?。！？")):
        begin = end.end()
    sentence = line[begin:].strip()
    if sentence.rstrip("*_ $)").endswith(("?", "？", "吗")) or _SUPPOSES.match(sentence):
        return None
    sentence = sentence.replace("&=", "=")
    labelled = _LABEL.match(sentence)
    rest = sentence[labelled.end() :] if labelled else without_lead(line)
    said = _worked_out(sentence) or _concluded(sentence) or rest
    return undressed(said.rstrip("。")) or None


def _worked_out(sentence: str) -> str | None:
    """4 of "3 + 1 = 4": behind the last sign of equality, if arithmetic is before it; f(3) = 7 says more than 7."""
    before, equal, value = sentence.rpartition("=")
    side = before.rpartition("=")[2]
    if (
        not equal
        or not value.strip()
        or side.endswith(("!", "<", ">", "\\ne", "\\neq", ":"))
        or _NO_CONCLUSION.search(sentence)
    ):
        return None
    start = max((found.end() for found in re.finditer(r"(?<![\\A-Za-z])[A-Za-z]+[,:]? ", side)), default=0)
    arithmetic = side[start:].strip(" $(\\[")
    if _PROSE.search(arithmetic) or not _OPERATION.search(arithmetic):
        return None
    opened = sentence[: sentence.find(arithmetic)]
    closing = "$" if opened.rstrip().endswith("$") else ""
    return value.strip().rstrip("." + closing).removesuffix("\\)").removesuffix("\\]").strip()


def _concluded(sentence: str) -> str | None:
    """4 of "The sum is 4." and of "So she has 4 apples." (the only number of a conclusion)."""
    if _NO_CONCLUSION.search(sentence) or is_open_before(sentence, len(sentence)):
        return None
    if (named := _IS_THE_ANSWER.match(sentence)) and _VALUE_BEGINS.match(named[1]):
        return named[1]
    verbs = list(_COPULA.finditer(sentence))
    if verbs:
        value = sentence[verbs[-1].end() :].strip()
        if _VALUE_BEGINS.match(value) and len(re.findall(r"(?<![\\A-Za-z])[A-Za-z]{2,}", value)) <= 2:
            return value
    numbers = _VALUE.findall(sentence)
    if _CONCLUDES.match(sentence.lstrip("*_ ")) and len(numbers) == 1 and "=" not in sentence:
        return str(numbers[0]).rstrip(",")
    return None
