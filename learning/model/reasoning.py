"""Why this action and not the next best one, in words that a merchant reads."""

from collections.abc import Mapping, Sequence

from learning.model.features import BIAS, is_numeric
from learning.model.posterior import Array
from learning.model.state import NOTHING, State

_NAMES = {
    "activation_score": "activation",
    "engagement_score": "engagement",
    "expansion_score": "expansion",
    "recency": "the time since the last activity",
    "tenure": "the time as a customer",
    "activity": "the number of recent events",
    "lifecycle_stage": "the stage",
}
_TERMS = 3
_LEAST = 0.05  # of a logit: a twentieth moves no probability by more than 1.25 points


def explain(
    *,
    state: State,
    weights: Array,
    x: Array,
    actions: Sequence[str],
    chosen: int,
    logits: Sequence[float],
    prior_share: float,
    labels: Mapping[str, str],
) -> str:
    """Name the largest terms of w·x against the runner-up, and what share of it all is prior and own data."""
    source = "what many tenants learned" if state.pattern_weight > 0.5 else "the prior"
    share = f"{round(100 * (1 - prior_share))} % of this rests on own data, the rest on {source}."
    name = _label(actions[chosen], labels)
    if len(actions) == 1:
        return f"{_capital(name)}: the only candidate. {share}"
    other = max((k for k in range(len(actions)) if k != chosen), key=logits.__getitem__)
    against = _label(actions[other], labels)
    if not state.trials[state.actions.index(actions[chosen])]:
        return f"{_capital(name)} rather than {against}: it has not been tried yet. {share}"

    places = [1 + state.actions.index(actions[index]) for index in (chosen, other)]
    terms = (weights[places[0]] - weights[places[1]]) * x
    largest = sorted(range(len(terms)), key=lambda place: -abs(terms[place]))
    speaking_for = [_words(state.features[n], x[n], name) for n in largest[:_TERMS] if terms[n] >= _LEAST]
    speaking_against = [_words(state.features[n], x[n], against) for n in largest[:_TERMS] if terms[n] <= -_LEAST]
    if logits[chosen] >= logits[other]:
        text = f"{_capital(name)} rather than {against}"
        text += f": for it, {_listed(speaking_for)}" if speaking_for else ": there is little between them"
        text += f"; against it, {_listed(speaking_against)}. " if speaking_against else ". "
        return text + share
    text = f"{_capital(name)}, to learn more about it, although {against} is expected to do better"
    return text + (f": for that, {_listed(speaking_against)}. " if speaking_against else ". ") + share


def _words(feature: str, value: float, action: str) -> str:
    if feature == BIAS:
        return f"how {action} does in general"
    if is_numeric(feature):
        degree = "high" if value > 1 else "above average" if value > 0 else "below average" if value >= -1 else "low"
        return f"{_called(feature)} is {degree}"
    name, _, level = feature.partition("=")
    return f"{_called(name)} is {level.replace('_', ' ')}"


def _called(name: str) -> str:
    """A feature without its value."""
    if name.startswith("context."):
        return f"this request's {name.removeprefix('context.').replace('_', ' ')}"
    return _NAMES.get(name) or name.removeprefix("traits.")


def _label(action: str, labels: Mapping[str, str]) -> str:
    return labels.get(action) or ("doing nothing" if action == NOTHING else action)


def _listed(items: Sequence[str]) -> str:
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else items[0]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
