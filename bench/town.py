"""The demo's people: what they are like, what they do, and what each action does to them. Its truth is known."""

import math
from dataclasses import dataclass
from random import Random

PLANS, MOTIVES = ("free", "pro"), ("deals", "status")

# The log-odds that an action is completed: in general, and what it adds for a motive and for a plan.
_ACTIONS: dict[str, tuple[float, dict[str, float]]] = {
    "grant_points": (-1.6, {"deals": 0.6, "free": 0.6}),
    "send_voucher": (-1.8, {"deals": 2.2, "pro": -0.6}),
    "invite_to_event": (-2.0, {"status": 2.4, "pro": 0.8}),
    "free_shipping": (-1.4, {"free": 0.9, "status": -0.8}),
}
ACTIONS = tuple(_ACTIONS)

_EVENTS = ("page_viewed", "order.completed", "review_written", "wishlist_changed", "support_contacted")


@dataclass(frozen=True)
class Person:
    user_id: str
    plan: str
    motive: str
    habit: float  # events on an active day, on average

    def completes(self, action: str) -> float:
        """The probability that this person completes this action."""
        base, more = _ACTIONS[action]
        return 1 / (1 + math.exp(-(base + more.get(self.plan, 0.0) + more.get(self.motive, 0.0))))

    @property
    def by_chance(self) -> float:
        """The same for an action that is drawn evenly."""
        return sum(map(self.completes, ACTIONS)) / len(ACTIONS)

    @property
    def at_best(self) -> float:
        return max(map(self.completes, ACTIONS))

    def events_of_a_day(self, random: Random) -> list[str]:
        return random.choices(_EVENTS, (6, 2, 1, 2, 1), k=1 + int(random.expovariate(1 / self.habit)))


def people(random: Random, count: int) -> list[Person]:
    return [
        Person(f"member-{number}", random.choice(PLANS), random.choice(MOTIVES), random.choice((1.0, 2.0, 4.0)))
        for number in range(count)
    ]
