"""Staff's lists, whose cost has a bound: rows are counted up to a number, and nobody waits for a search for ever."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from psycopg.errors import QueryCanceled
from unfold.views import ChangeList

COUNTED = 10_000  # rows, which pages lead to; behind them a search or a filter does
PATIENCE = "5s"


class TooSlowError(Exception):
    """The list could not be read in `PATIENCE`."""


@contextmanager
def patience() -> Iterator[None]:
    """Read no longer than `PATIENCE` a statement.

    Raises:
        TooSlowError: instead of the database's error; the request's transaction goes on.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{PATIENCE}'")
            yield
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        raise TooSlowError from error


class StaffPaginator(Paginator):  # type: ignore[type-arg]  # generic for mypy alone
    """Pages of the first `COUNTED` rows.

    A page's keys are found first. So what a row shows of other tables is read for the rows of the page alone, and not
    for all those that are sorted or skipped.
    """

    template_name = "staff/pages.html"

    @cached_property
    def count(self) -> int:
        if not isinstance(self.object_list, QuerySet):
            return super().count
        return int(self.object_list.order_by().values("pk")[:COUNTED].count())

    @property
    def goes_on(self) -> bool:
        return self.count == COUNTED

    def page(self, number: Any) -> Page[Any]:
        page, rows = super().page(number), self.object_list
        if isinstance(rows, QuerySet) and isinstance(page.object_list, QuerySet):
            page.object_list = rows.filter(pk__in=list(page.object_list.values_list("pk", flat=True)))
        return page


class StaffList(ChangeList):  # type: ignore[misc]  # unfold carries no types
    queryset: QuerySet[Any]

    def get_results(self, request: HttpRequest) -> None:
        try:
            with patience():
                super().get_results(request)
                if not self.multi_page:
                    self.result_list = self.paginator.page(1).object_list
                self.result_list = list(self.result_list)
        except TooSlowError:
            self.tell_too_slow(request)
            self.queryset = self.queryset.none()
            super().get_results(request)
        if not self.filter_params:
            # One count less than Django's, and no "Show all" over what is all.
            self.full_result_count = self.result_count

    def tell_too_slow(self, request: HttpRequest) -> None:
        text = "That takes too long to find. Choose a tenant, a date or fewer filters."
        self.model_admin.message_user(request, text, messages.WARNING)
