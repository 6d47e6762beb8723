"""What a vendor's module has to say of its messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from events.connectors.shared.reading import Sent
from events.ingestion.services import Outcome as Tracked


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a request, for the vendor's part of the answer."""

    sent: Sent
    tracked: Tracked
    kind: str


class Vendor(Protocol):
    """A module of pure translation."""

    @property
    def SOURCE(self) -> str:  # noqa: N802 - a module's constant
        """What the events' `source` says."""

    @property
    def KEY_MEMBERS(self) -> Sequence[str]:  # noqa: N802
        """The members that the SDKs put their key into."""

    def translate(self, message: dict[str, Any], kind: str) -> Mapping[str, Any] | None:
        """The members of our event, unchecked; None where the message is none of ours and is skipped.

        `kind` is what the path says of the message.
        """

    def is_import(self, message: dict[str, Any], kind: str, beside: Mapping[str, Any]) -> bool:
        """Whether the message counts in the month of its timestamp, if that is over, and not in that of its receipt.

        `beside` is what stands beside the messages of a request.
        """

    def answer(self, outcome: Outcome) -> Mapping[str, Any] | int:
        """What the vendor's SDKs look for in an answer; a number where they take nothing but that."""
