"""Where a text claims an answer, and which of its claims stands.

Claims are `\\boxed{4}`, `#### 4` (GSM8K), "the answer is 4", "**Answer:** 4", "答案：4". The last one stands, whatever
its form: a model that corrects itself means what it wrote last, and a box within "the answer is" is the later of the
two. A claim that is asked, denied, supposed or left open ("4 or 5" in two boxes) has no value: the answer is undecided.

The text is one that `lines_of` (r1/rewards/lenient.py) made: no empty lines, single spaces. No pattern repeats a
repetition, so that time is linear in the text.
"""

import re
from dataclasses import dataclass

MAX_CHARACTERS = 2_000
"""Of a claim; a longer one is none."""
_LATEST = 64
"""Claims of each form that are looked at, from the end."""
_LEAD_WORDS = 4

_BOX = re.compile(r"\\(?:boxed|fbox) ?(?=\{)")
_DIGIT_BOX = re.compile(r"\\(?:boxed|fbox) ?(\d)")
_BRACES = re.compile(r"\\.|[{}]")
_HASHES = re.compile(r"(?<!#)####(?!#) ?([^\n]*)")
_LEAD = re.compile(
    r"(?<![A-Za-z])(?:answer|ans)[*_`\"'”’]{0,4}(?: (?:to|for|of) [^.:?\n]{1,80}?)?"
    r"(?P<verb> ?[:：=]| (?:is|equals|(?:must|should|would) be|comes (?:out )?to)(?![A-Za-z]) ?[:：]?"
    r"| ?(?:isn't|isn’t|can't be|cannot be))"
    r"|(?P<heading>(?:^|(?<=\n))(?:#{1,6} |\*\*)(?:final )?answer\.?(?:\*\*)?\.?(?=\n))"
    r"|(?:答案|答)[*_`】]{0,3}(?P<verb_zh>(?:应该|应)?[是为:：]{1,2}|(?:并|也)?不(?:是|为))|答案】",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"[ *_\n:：}]*(?:(?:\\\[|\$\$)\n)?")
_DENYING_VERB = re.compile(r"n't|n’t|cannot|不")
_SENTENCE_END = re.compile(r"(?<!\d)!|[.?](?=[\s*_\"”’$)]|$)|\n|[。！？]")
_CLAUSE_END = re.compile(r"[.!?](?=\s)|[\n。！？；，,;:：]|(?<=\s)[-–—](?=\s)")
_NOT_THE_ANSWER = re.compile(
    r"(?:wrong|incorrect|possible|plausible|tempting|common|initial|first|previous|earlier|partial|intermediate"
    r"|estimated|approximate|rough|no|one|another|other|his|her|their|your|\w['’]s) $",
    re.IGNORECASE,
)
_OPEN_BEFORE = re.compile(
    r"\b(?:maybe|perhaps|possibly|probably|likely|might|guess|unsure|doubt|if|whether|suppose|assum\w+|unless|either"
    r"|or(?!,? (?:equivalently|simply|just)\b)|not|never|cannot|false|says?|claims?)\b|n['’]t\b"
    r"|也许|可能|如果|假设|大概|或",
    re.IGNORECASE,
)
_OPEN_BEHIND = re.compile(
    r"\b(?:not sure|unsure|maybe|perhaps|possibly|probably|likely|guess|might|could be|if)\b|也许|可能|大概|吗|呢|还是",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"(?:not|n['’]t|neither|either|wrong|incorrect|unknown|unclear|undetermined|不)(?![A-Za-z])", re.IGNORECASE
)
_ADVERB = re.compile(r"(?:therefore|thus|simply|just|indeed|then|hence|clearly|exactly|equal to|to be)(?![A-Za-z]),? ?")
_ASIDE = re.compile(
    r",? (?:because|since|as|which|where|when|so|after|but|rather than|instead of)\b|,? (?:and |but )?not\b"
    r"|,?因为|，而?不是",
    re.IGNORECASE,
)
_BRACKETED = re.compile(
    r" \((?:(?:because|since) (?![^()]*(?:\bnot\b|n['’]t|wrong|incorrect))[^()]+|not [-$\d\\][^() ]*)\)$", re.IGNORECASE
)
"""A reason behind the value, or another value that it is not; whatever else is in brackets may be part of the value."""
_SAYS_NOTHING = re.compile(
    r"\b(?:correct|right|true|below|above|as follows|following|clear|obvious|let|we|i|you|see|need|find|here|this"
    r"|that|it)\b",
    re.IGNORECASE,
)
_HAS_VALUE = re.compile(r"[\d\\$]")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_HEADING = re.compile(r"\d{1,2}[.):] \S")
_JOINED = re.compile(r"(?:[,;、]|(?:, ?)?and|和|以及)?(?: ?[A-Za-z] ?=)?")
_OR = re.compile(r"(?<![A-Za-z])or(?![A-Za-z])(?!,? (?:equivalently|simply|just))|或", re.IGNORECASE)
_OR_BEHIND = re.compile(rf"[ $.)\]\\]{{0,4}},? ?(?:{_OR.pattern})", re.IGNORECASE)
_CONTRASTED = re.compile(r"[,，] ?(?:(?:and |but )?not|而?不是) ?[$\\(\[ ]*$")
_NO_DELIMITERS = str.maketrans("", "", "$\\()[]")
_RETRACTED = re.compile(
    r"^[\W_]{0,8}(?:(?:no|nope|wait|actually|hmm|sorry|oops|correction)\b|is (?:not|wrong|incorrect)\b)"
    r"|\b(?:that|this|it|which|answer)(?:['’]s| is| was| seems| looks) "
    r"(?:wrong|incorrect|not right|not correct|a mistake|impossible)\b"
    r"|\b(?:i (?:am|['’]m) not sure|i made (?:a|an) (?:mistake|error))\b|不对|错了",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Claim:
    """A claimed answer: where it stands, and its text; None if it is undecided."""

    start: int
    end: int
    text: str | None


def standing(text: str) -> Claim | None:
    """The claim that stands; None if the text claims nothing.

    >>> standing("First \\\\boxed{3}, no: \\\\boxed{4}").text
    '4'
    >>> standing("The answer is not 4.").text is None
    True
    """
    boxes = _boxes(text)
    claims = [claim for claim in (_last_lead(text), _last_hashes(text)) if claim is not None]
    last = max(claims, key=lambda claim: claim.start, default=None)
    if boxes and (last is None or boxes[-1].start > last.start):
        last = _of_boxes(text, boxes)
    if last is not None and _RETRACTED.search(text[last.end :]):
        return Claim(last.start, last.end, None)
    return last


def without_lead(line: str) -> str:
    """A line without "So the answer is", if it begins with that."""
    lead = _LEAD.search(line)
    return line[lead.end() :].strip(" *_:") if lead and len(line[: lead.start()].split()) <= _LEAD_WORDS else line


def is_open_before(text: str, at: int) -> bool:
    """Whether the clause that leads to a place supposes, denies or offers what follows."""
    begin = max(0, at - 200)
    for found in _CLAUSE_END.finditer(text, begin, at):
        begin = found.end()
    return _OPEN_BEFORE.search(text[begin:at]) is not None


def _sentence_end(text: str, at: int) -> re.Match[str] | None:
    return _SENTENCE_END.search(text, at, min(len(text), at + MAX_CHARACTERS))


def _last_lead(text: str) -> Claim | None:
    """The last "the answer is" that claims something."""
    leads = reversed(list(_LEAD.finditer(text))[-_LATEST:])
    return next((claim for lead in leads if (claim := _of_lead(text, lead))), None)


def _of_lead(text: str, lead: re.Match[str]) -> Claim | None:
    if lead["verb_zh"] is None and _NOT_THE_ANSWER.search(text, max(0, lead.start() - 30), lead.start()):
        return Claim(lead.start(), lead.end(), None)
    behind = _BETWEEN.match(text, lead.end())  # "**Answer:**\n4" goes on in the next line
    at = behind.end() if behind else lead.end()
    stop = _sentence_end(text, at)
    end = stop.start() if stop else min(len(text), at + MAX_CHARACTERS)
    said = text[at:end].strip()
    if adverb := _ADVERB.match(said):
        said = said[adverb.end() :]
    denied = _DENYING_VERB.search(lead["verb"] or lead["verb_zh"] or "") or _DENIED.match(said)
    asked = stop and stop[0] in "?？"
    if denied or asked or is_open_before(text, lead.start()) or _OPEN_BEHIND.search(said):
        return Claim(lead.start(), end, None)
    said = _ASIDE.split(_BRACKETED.sub("", said), maxsplit=1)[0].strip(" *_")
    if said.count("$") == 1:  # a formula that began before "the answer is"
        said = said.removesuffix("$").rstrip()
    return Claim(lead.start(), end, said) if _says_value(said) else None


def _says_value(said: str) -> bool:
    words = len(_WORD.findall(said))
    if _HAS_VALUE.search(said):
        return words <= 5 or "\\" in said
    return words <= 3 and _SAYS_NOTHING.search(said) is None and re.search(r"\w", said) is not None


def _last_hashes(text: str) -> Claim | None:
    """The last `####` that is followed by a value; Markdown's headings are none."""
    for found in reversed(list(_HASHES.finditer(text))[-_LATEST:]):
        said = found[1].strip()
        short = 0 < len(said) <= MAX_CHARACTERS and (len(_WORD.findall(said)) <= 3 or "\\" in said)
        if short and _HAS_VALUE.search(said) and not _HEADING.match(said) and not re.match(r"[A-Z][a-z]+ \d", said):
            undecided = said.endswith(("?", "？")) or _OPEN_BEHIND.search(said) or _DENIED.match(said)
            return Claim(found.start(), found.end(), None if undecided else said)
    return None


def _boxes(text: str) -> list[Claim]:
    """The latest boxes whose braces are balanced, in order; one within another is part of its text."""
    if "box" not in text:
        return []
    closing: dict[int, int] = {}
    open_braces: list[int] = []
    for brace in _BRACES.finditer(text):
        if brace[0] == "{":
            open_braces.append(brace.start())
        elif brace[0] == "}" and open_braces:
            closing[open_braces.pop()] = brace.start()
    boxes = [Claim(found.start(), found.end(), found[1]) for found in _DIGIT_BOX.finditer(text)]
    for found in _BOX.finditer(text):
        end = closing.get(found.end())
        if end is not None and end - found.end() <= MAX_CHARACTERS and (said := text[found.end() + 1 : end].strip()):
            boxes.append(Claim(found.start(), end + 1, said))
    outer: list[Claim] = []
    for box in sorted(boxes, key=lambda claim: claim.start):
        if not outer or box.start >= outer[-1].end:
            outer.append(box)
    return outer[-_LATEST:]


def _of_boxes(text: str, boxes: list[Claim]) -> Claim:
    """The last box, with those before it that "and" or a comma joins to it; "5, not 4" is 5."""
    undecided = Claim(boxes[-1].start, boxes[-1].end, None)
    while boxes and _CONTRASTED.search(text[max(0, boxes[-1].start - 20) : boxes[-1].start]):
        boxes = boxes[:-1]
    if not boxes:
        return undecided
    last = at = boxes[-1]
    stop = _sentence_end(text, last.end)
    asked = stop is not None and stop[0] in "?？"
    if asked or is_open_before(text, last.start) or _OR_BEHIND.match(text, last.end):
        return undecided
    parts = [last.text or ""]
    for box in reversed(boxes[:-1]):
        between = text[box.end : at.start]
        if box.end > at.start or len(between) > 60 or "\n" in between:
            break
        if _OR.search(between) and not _SENTENCE_END.search(between) and box.text != at.text:
            return undecided
        if not _JOINED.fullmatch(between.translate(_NO_DELIMITERS).strip()):
            break
        if box.text and box.text not in parts:
            parts.insert(0, box.text)
        at = box
    return Claim(last.start, undecided.end, ", ".join(parts))
