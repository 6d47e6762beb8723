"""A partner's customers that have learned, for the tests of what is shared."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from django.db import connection

from learning.models import NoisySum, Receipt, Release
from learning.patterns import statistic as patterns
from tenants.context import release_context, tenant_context
from tests.conftest import Api
from tests.owner import as_owner

WIDTH = 2 + len(patterns.FEATURES)
CUSTOMERS = 18
BUDGET = 10.0


def learn(customer: Api, seed: int, trials: float = 300.0, scale: float = 0.1) -> np.ndarray[Any, Any]:
    """Put a state there as if it was learned; its statistic."""
    with tenant_context(customer.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT array_agg(id ORDER BY name) FROM integrations_actiontype")
        actions = ["nothing", *cursor.fetchone()[0]]
    random = np.random.default_rng(seed)
    statistic = random.normal(0.05, scale, (1 + len(actions), WIDTH))
    statistic[:, 0], statistic[:, 1] = 0.7, 0.01
    as_owner(
        "INSERT INTO learning_modelstate (tenant_id, version, features, actions, mean, prior_precision,"
        " information, scales, trials, rewards, statistic) VALUES (%s, 1, '{}', %s, '', '', '', '', %s, %s, %s)",
        customer.tenant_id,
        actions,
        *[[trials / len(actions)] * len(actions)] * 2,
        statistic.ravel().tolist(),
    )
    return statistic


def receipts(api: Api) -> list[Any]:
    with tenant_context(api.tenant_id):
        return list(Receipt.objects.values_list("tenant_id", "release_id", "epsilon", "released_on"))


def sums(partner: Api) -> dict[tuple[str, int], int]:
    """What a release asks of the partner's customers, with the noise that is in force."""
    with release_context():
        release = Release.objects.create(epsilon=4, delta=1e-6, rho=0.1, deviation=5, budget=4)
        contribute(release.id, partner)
    with release_context():
        rows = NoisySum.objects.filter(release=release, partner_id=partner.tenant_id)
        return {(row.block, place): total for row in rows for place, total in enumerate(row.totals)}


@contextmanager
def noise(number: str) -> Iterator[None]:
    """Let the database add this number, in SQL, to each sum: `0`, or something of the `variance` that is asked for."""
    ((before,),) = as_owner("SELECT pg_get_functiondef('discrete_gaussian'::regproc)")
    as_owner(
        "CREATE OR REPLACE FUNCTION discrete_gaussian(variance numeric) RETURNS bigint"
        f" LANGUAGE sql AS 'SELECT ({number})::bigint'"
    )
    try:
        yield
    finally:
        as_owner(before)


def contribute(release_id: int, partner: Api) -> None:
    """In the context of a release."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT contribute(%s, %s, %s)", [release_id, partner.tenant_id, WIDTH])


def blocks_of(partner: Api) -> list[str]:
    """In the order of a statistic."""
    with tenant_context(partner.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT id::text FROM integrations_actiontypetemplate ORDER BY name")
        return ["shared", "nothing", *(row[0] for row in cursor.fetchall())]


def statistic_of(customer: Api) -> np.ndarray[Any, Any]:
    with tenant_context(customer.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT statistic FROM learning_modelstate")
        return np.array(cursor.fetchone()[0]).reshape(-1, WIDTH)
