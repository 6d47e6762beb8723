"""Which kind an action type is likely to be, by its integration's domain, its name and its description.

Each kind is known by the words of its definition, its names and examples of what descriptions say. A word counts the
more, the fewer kinds have it (inverse document frequency, Spärck Jones 1972) and the oftener this one does. The kind
whose words count most together is proposed, unless another is about as likely, or that it is an internal step: a wrong
kind costs more than none. The order of words does not matter.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from heapq import nlargest
from operator import itemgetter

from integrations.taxonomy.internal import INTERNAL
from integrations.taxonomy.kind import Kind
from integrations.taxonomy.kinds import KINDS, domains_of
from integrations.taxonomy.words import words

# Chosen on descriptions other than those of the test.
_READ = 600  # characters of a description: what an action does is said first
_OF_NAME = 1.5  # what a word of the name counts, where one of the description counts 1
_WHOLE_NAME = 3.0  # what it counts that a kind goes by the very name
_OFTEN = 0.3  # by how much more a word counts for each e-fold that a kind has it
_FOREIGN = 0.5  # what a kind of another domain counts
_FOREIGN_IN = {"messaging": 0.3}  # there the channel is the kind, whatever is said through it
_LEAST = 4.0
_MARGIN = 0.05  # of the score, by which it is above the next one

_NONE = ""  # in place of a kind: an internal step


def propose(*, domain: str, name: str, description: str) -> str | None:
    """The identifier of a kind; None where nothing, or more than one kind, is likely."""
    said = dict.fromkeys(words(description[:_READ]), 1.0) | dict.fromkeys(words(name), _OF_NAME)
    scores = _scores(said | {_whole(name): _WHOLE_NAME}, domains_of(domain))
    (kind, score), (_, next_score) = nlargest(2, [*scores.items(), (_NONE, 0.0), (_NONE, 0.0)], key=itemgetter(1))
    is_likely = score >= _LEAST and score - next_score >= _MARGIN * score
    return kind if is_likely and kind != _NONE else None


def _scores(said: Mapping[str, float], own: Collection[str]) -> dict[str, float]:
    """What speaks for each kind."""
    foreign = min((_FOREIGN_IN.get(domain, _FOREIGN) for domain in own), default=1.0)
    scores: dict[str, float] = defaultdict(float)
    for word, counts in said.items():
        for kind, weight in _model().get(word, {}).items():
            is_near = kind == _NONE or kind.partition("/")[0] in own
            scores[kind] += counts * weight * (1.0 if is_near else foreign)
    return scores


@cache
def _model() -> Mapping[str, Mapping[str, float]]:
    """How much each word says for each kind that has it."""
    texts = {kind: Counter(_words_of(known)) for kind, known in KINDS.items()} | {_NONE: Counter(words(INTERNAL))}
    spread = Counter(word for text in texts.values() for word in text)
    model: dict[str, dict[str, float]] = defaultdict(dict)
    for kind, text in texts.items():
        for word, times in text.items():
            rarity = math.log((1 + len(KINDS) / spread[word]) / 2)
            model[word][kind] = rarity * (1 + _OFTEN * math.log(times))
    return model


def _words_of(kind: Kind) -> Iterator[str]:
    yield from words(kind.definition)
    yield from words(kind.says)
    for name in (kind.name, *kind.names):
        yield from (*words(name), _whole(name))


def _whole(name: str) -> str:
    return "=" + "_".join(words(name))
