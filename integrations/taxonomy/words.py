"""The words of a text, so that forms of one word are the same."""

import re
import unicodedata
from functools import lru_cache

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[0-9])(?=[A-Z][a-z])")
_WORD = re.compile(r"[a-z]+|(?<![a-z0-9])[0-9]+x(?![a-z0-9])|%")
_EMAIL = re.compile(r"(?<![a-z0-9])e-mail")
_SAME = {"%": "percent", "pct": "percent", "mail": "email", "emails": "email", "mails": "email"}
_SAYS_NOTHING = (
    "a about an and any are as at be been being but by can could did do does each either etc for from had has have "
    "having he her hers him his how i if in into is it its itself may me might must my of on or our ours per shall she "
    "should so such than that the their theirs them then there these they this those to too upon us via was we were "
    "what when where whether which while who whom whose why will with within would you your yours"
)
_STOP = frozenset(_SAYS_NOTHING.split())
# Endings of English words, and how much of a word there has to be before them. Stems need only agree with each other.
_ENDINGS = (
    ("ations", 3),
    ("ation", 3),
    ("ments", 4),
    ("ment", 4),
    ("ings", 3),
    ("ing", 3),
    ("ions", 5),
    ("ion", 5),
    ("ised", 4),
    ("ized", 4),
    ("ise", 4),
    ("ize", 4),
    ("ies", 3),
    ("ied", 3),
    ("al", 5),
    ("er", 4),
    ("ed", 3),
    ("es", 3),
    ("ly", 4),
    ("s", 3),
    ("e", 3),
    ("y", 3),
)


def words(text: str) -> list[str]:
    """Stems in their order, without words that say nothing."""
    plain = unicodedata.normalize("NFKD", _CAMEL.sub(" ", text)).lower()
    plain = "".join(each for each in plain if not unicodedata.combining(each))
    plain = _EMAIL.sub("email", plain)
    found = (_SAME.get(word, word) for word in _WORD.findall(plain))
    return [stem(word) for word in found if word not in _STOP]


@lru_cache(maxsize=10_000)
def stem(word: str) -> str:
    """`expir` of expire, expires, expiry and expiration."""
    while ending := _ending(word):
        word = _single(word[: -len(ending)])
    return word


def _ending(word: str) -> str:
    """What a stem does not have; empty if it is one."""
    fits = (ending for ending, least in _ENDINGS if word.endswith(ending) and len(word) >= len(ending) + least)
    return "" if word.endswith("ss") else next(fits, "")


def _single(word: str) -> str:
    """`skip` of skipp(ed)."""
    is_doubled = len(word) > 3 and word[-1] == word[-2] and (word[-1] not in "ls" or len(word) > 6)
    return word[:-1] if is_doubled else word
