"""What is kept of staff's logins, and for how long."""

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.sessions.backends.db import SessionStore
from procrastinate.contrib.django import app

from tenants.accounts import logins
from tenants.context import upkeep_context


@app.periodic(cron="41 2 * * *")
@app.task(queueing_lock="forget_logins")
def forget_logins(timestamp: int) -> None:
    with upkeep_context():
        logins.forget_failures()
        SessionStore.clear_expired()  # also those of anyone who went to sign on, and did not come back
        AxesProxyHandler.reset_logs(age_days=logins.KNOWN_DAYS)
