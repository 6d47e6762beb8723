from collections.abc import Iterator

import pytest

from tests.conftest import Api
from tests.delivery.cast import Merchant, merchant_of
from tests.delivery.receiver import Receiver, receiver


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def shop(acme: Api, inbox: Receiver) -> Merchant:
    """A merchant whose actions go to `inbox`."""
    return merchant_of(acme, inbox.url + "/points?a=b")
