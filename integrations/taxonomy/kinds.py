"""The taxonomy: every kind by its identifier, `domain/kind`.

An entry is added by a release of Retivo, and one that patterns were released for is not taken away.
"""

from collections.abc import Mapping
from difflib import get_close_matches

from integrations.taxonomy.domains.commerce import COMMERCE
from integrations.taxonomy.domains.education import EDUCATION
from integrations.taxonomy.domains.gaming import GAMING
from integrations.taxonomy.domains.loyalty import LOYALTY
from integrations.taxonomy.domains.messaging import MESSAGING
from integrations.taxonomy.domains.subscription import SUBSCRIPTION
from integrations.taxonomy.domains.support import SUPPORT
from integrations.taxonomy.kind import Kind
from integrations.taxonomy.words import words

DOMAINS: Mapping[str, tuple[Kind, ...]] = {
    "loyalty": LOYALTY,
    "commerce": COMMERCE,
    "subscription": SUBSCRIPTION,
    "messaging": MESSAGING,
    "support": SUPPORT,
    "gaming": GAMING,
    "education": EDUCATION,
}

KINDS: Mapping[str, Kind] = {f"{domain}/{kind.name}": kind for domain, kinds in DOMAINS.items() for kind in kinds}

# What partners call a domain beside its name: one of these words is in it.
_CALLED: Mapping[str, str] = {
    "loyalty": "reward rewards points hospitality travel airline hotel restaurant membership club",
    "commerce": "ecommerce shop shopping store retail fashion marketplace grocery",
    "subscription": "subscriptions saas billing streaming membership recurring payments",
    "messaging": "marketing crm adtech advertising email notifications engagement",
    "support": "helpdesk success service care",
    "gaming": "game games esports",
    "education": "learning elearning edtech school university training courses",
}
_BY_WORD: Mapping[str, frozenset[str]] = {
    word: frozenset(domain for domain, called in _CALLED.items() if word in words(f"{domain} {called}"))
    for word in words(" ".join((*DOMAINS, *_CALLED.values())))
}


def domains_of(text: str) -> frozenset[str]:
    """The domains that an integration's own tag names; none where it says something else."""
    return frozenset().union(*(_BY_WORD.get(word, frozenset()) for word in words(text)))


def closest(text: str) -> list[str]:
    """The identifiers that are spelt most like a text, up to three."""
    by_name = {kind.name: identifier for identifier, kind in KINDS.items()}
    wanted = text.lower()[:100]
    found = get_close_matches(wanted, KINDS, n=3) or get_close_matches(wanted.rpartition("/")[2], by_name, n=3)
    return list(dict.fromkeys(by_name.get(each, each) for each in found))
