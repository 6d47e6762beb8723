from uuid import UUID, uuid4

import pytest

from tests.conftest import Api


@pytest.fixture(params=["another partner's customer", "another partner", "the caller itself", "nobody"])
def foreign_id(request: pytest.FixtureRequest, acme: Api, rival: Api, merchant: Api) -> UUID:
    """Of what is no customer of `rival`."""
    ids = {
        "another partner's customer": merchant.tenant_id,
        "another partner": acme.tenant_id,
        "the caller itself": rival.tenant_id,
        "nobody": uuid4(),
    }
    return ids[request.param]
