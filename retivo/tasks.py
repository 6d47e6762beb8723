"""What keeps the jobs themselves in order. Jobs are periodic and maintenance work; actions are not (decision 0005)."""

from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status

_KEPT_HOURS = 72


@app.periodic(cron="*/5 * * * *")
@app.task(queueing_lock="retry_stalled_jobs", pass_context=True)
async def retry_stalled_jobs(context: JobContext, timestamp: int) -> None:
    """A worker that was killed leaves its job in `doing`: have another do it."""
    for job in await context.app.job_manager.get_stalled_jobs():
        try:
            await context.app.job_manager.retry_job(job)
        except UniqueViolation:  # the next one of its kind waits already, and does the same
            await context.app.job_manager.finish_job(job, status=Status.ABORTED, delete_job=False)


@app.periodic(cron="23 2 * * *")
@app.task(queueing_lock="remove_old_jobs", pass_context=True)
async def remove_old_jobs(context: JobContext, timestamp: int) -> None:
    await context.app.job_manager.delete_old_jobs(
        nb_hours=_KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
    )
