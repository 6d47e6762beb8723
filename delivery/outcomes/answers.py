"""The outcome that a receiver may put into its answer, `{"outcome": {"status": …, "result": …}}`, in its first KiB."""

from typing import Any, NamedTuple

from rest_framework.exceptions import ValidationError

from delivery.outcomes.services import Outcome
from delivery.serializers import OutcomeRequestSerializer
from delivery.transport.sending import KEPT_BYTES
from retivo.api import values
from retivo.api.errors import Problem, as_problem
from retivo.api.serializers import StrictSerializer


class _AnswerSerializer(StrictSerializer):
    outcome = OutcomeRequestSerializer()


class Reading(NamedTuple):
    """The outcome, or else a problem's code if there was to be one; neither in an answer that does not speak of one."""

    outcome: Outcome | None = None
    refusal: str = ""


def read(body: str) -> Reading:
    """What a 2xx answer says, as far as it is kept."""
    if '"outcome"' not in body:
        return Reading()
    content = body.encode()
    try:
        told: Any = values.decode(content)
    except values.UnacceptableError as error:
        return Reading(refusal="too_large" if len(content) >= KEPT_BYTES else error.fault.code)
    if not isinstance(told, dict) or "outcome" not in told:
        return Reading()
    sent = _AnswerSerializer(data=told)
    try:
        sent.is_valid(raise_exception=True)
    except ValidationError as error:
        problem = as_problem(error)
        assert isinstance(problem, Problem)  # noqa: S101  # for mypy
        return Reading(refusal=problem.errors[0]["code"])
    return Reading(outcome=sent.validated_data["outcome"])
