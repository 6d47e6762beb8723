"""The project's settings with a clock that runs faster, for workers that are killed all the time."""

from retivo.settings import *  # noqa: F403

DELIVERY_RETRY_SECONDS = (0.2,) * 200
DELIVERY_TIMEOUT_SECONDS = 5
DELIVERY_LEASE_SECONDS = 6
DELIVERY_CIRCUIT_SECONDS = 0.2
