"""The language reward against R1-Zero's mixing of languages."""


def consistency(reasoning: str) -> float:
    """Share of the chain of thought's words that are English (paper section 2.3.2).

    A word is a run of Latin letters (English), or a single Chinese character (U+4E00 to U+9FFF). Digits, operators and
    punctuation, Chinese punctuation too, are no words. Without words the share is 0: saying nothing must not pay.

    >>> consistency("First 2 + 2 = 4. 答案")
    0.3333333333333333
    """
    raise NotImplementedError
