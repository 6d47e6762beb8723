import pytest

from tenants.models import UPGRADE_TO, PlanTier

pytestmark = pytest.mark.no_database


def test_upgrade_to__from_the_smallest__passes_every_tier_once() -> None:
    way: list[PlanTier | None] = [PlanTier.STARTER]
    while way[-1] is not None:
        way.append(UPGRADE_TO[way[-1]])

    assert way == [PlanTier.STARTER, PlanTier.GROWTH, PlanTier.SCALE, PlanTier.CUSTOM, None]
    assert UPGRADE_TO.keys() == set(PlanTier)
