"""What OpenAPI says of the report of a leaked key."""

from retivo.api.operation import operation
from tenants.leaks import serializers

report_leak = operation(
    "reportLeakedKey",
    "Report a leaked key",
    "Revokes an API key that was found in a public place. Whoever holds its text may report it; no key is needed to "
    "call this. The reported key is refused at once, and its tenant and their partner see it among their keys with "
    "`revoked_reason`. The answer is the same where there is no such key. One address may send 100 reports a minute.",
    scope=None,
    tag="Service",
    takes=serializers.ReportRequestSerializer,
    requests={"A key": {"key": "rt_live_…"}},
    status=202,
    answers=serializers.ReportResponseSerializer,
    example={"received": True},
    forbidden=None,
)
