"""What the taxonomy knows of one kind of action."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=False)
class Kind:
    """A kind within its domain.

    Args:
        name: its own name, which never changes once patterns were released for it.
        definition: one sentence, for people.
        names: other names that action types of this kind go by.
        says: how descriptions put it; read by `proposal` alone.
    """

    name: str
    definition: str
    names: tuple[str, ...]
    says: str
