"""What is kept of logins and permits; expiring keys; deletions that are due; checkpoints of the audit trail."""

from uuid import UUID

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from procrastinate.contrib.django import app

from tenants.accounts import logins
from tenants.api_keys import expiring
from tenants.audit import checkpoints
from tenants.context import tenant_context, upkeep_context
from tenants.deletion import job
from tenants.upkeep import rounds


@app.periodic(cron="41 2 * * *")
@app.task(queueing_lock="forget_logins")
def forget_logins(timestamp: int) -> None:
    with upkeep_context():
        logins.forget_failures()
        SessionStore.clear_expired()  # also those of anyone who went to sign on, and did not come back
        AxesProxyHandler.reset_logs(age_days=logins.KNOWN_DAYS)


@rounds.periodic(cron="*/10 * * * *", tenants=rounds.of(expiring.TENANTS))
def tell_of_expiring_keys(tenant_id: UUID, turn: rounds.Turn) -> None:
    with tenant_context(tenant_id):
        expiring.tell(tenant_id=tenant_id)


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="delete_tenants")
def delete_tenants(timestamp: int) -> None:
    job.run_due()


@app.periodic(cron="51 * * * *")
@app.task(queueing_lock="forget_permits")
def forget_permits(timestamp: int) -> None:
    """Of windows that are over: of keys and tenants that are no longer used, too."""
    with upkeep_context(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM tenants_permit WHERE ends_at < now() - interval '1 hour'")


@app.periodic(cron="13 * * * *")
@app.task(queueing_lock="sign_audit_heads")
def sign_audit_heads(timestamp: int) -> None:
    checkpoints.sign_heads()
