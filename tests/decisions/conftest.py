"""A merchant to decide for."""

import pytest

from tests.conftest import Api
from tests.decisions.deciding import must_act, shop_of


@pytest.fixture
def shop(acme: Api) -> Api:
    """It always acts: to do nothing is not drawn."""
    shop = shop_of(acme)
    must_act(shop)
    return shop
