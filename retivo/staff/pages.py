"""What all staff pages share: who is named in the audit trail, what is never possible, how a form is shown."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar, cast

import unfold.decorators
import unfold.fields
from django import forms
from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.checks import ModelAdminChecks
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.db.models import IntegerField, Model, QuerySet, Subquery
from django.db.models.aggregates import Count
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold.admin import ModelAdmin

from retivo.api.errors import Problem, as_problem
from retivo.staff.lists import StaffList, StaffPaginator


def _plain_json(data: Any, encoder: Any) -> SafeString:
    """In place of unfold's, whose colours are styles in attributes: the Content-Security-Policy allows none."""
    if data is None:
        return SafeString()  # shown as what is not set
    text = json.dumps(data, sort_keys=True, indent=4, cls=encoder, ensure_ascii=False)
    return format_html('<pre class="whitespace-pre-wrap">{}</pre>', text)


unfold.fields.prettify_json = _plain_json

F = TypeVar("F", bound=Callable[..., Any])

ROWS_SHOWN = 50
SAVE = "change"  # the path of an object's page, and so of what saves it


class StaffAdmin(ModelAdmin):  # type: ignore[misc]  # unfold carries no types
    """Read-only unless a subclass says otherwise: changes go through services, which write the audit entries."""

    actions = None
    list_title = ""  # where it is another than the models' name
    saved_by = ""  # the permission that it takes to save an object's page; nobody does without one
    # Of fields, by name. Help texts of models are for whoever reads the code, and not shown.
    labels: Mapping[str, str] = {}
    help_texts: Mapping[str, str] = {}
    list_per_page = 100
    paginator = StaffPaginator
    list_filter_submit = True
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    sortable_by = ()
    change_form_outer_after_template = "staff/tables.html"
    # unfold's look up permissions in the database, which is empty before the first migration.
    checks_class = ModelAdminChecks

    # --- Lists, which no query string breaks ---

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        # PostgreSQL has no text with NUL: answer as Django does for a filter it cannot read.
        if any("\0" in text for name, values in request.GET.lists() for text in (name, *values)):
            return redirect(f"{request.path}?e=1")
        title = self.list_title or capfirst(self.opts.verbose_name_plural)
        shown = super().changelist_view(request, {"title": title, **(extra_context or {})})
        return cast("HttpResponse", shown)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # A regular expression may be none, or take its time: no page offers one.
        return not lookup.endswith("regex") and bool(super().lookup_allowed(lookup, value, request))

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        # Also of the autocompletion, which has no list.
        if "\0" in search_term:
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        return None if "\0" in object_id else super().get_object(request, object_id, from_field)

    # --- What is never possible, unless a subclass says otherwise ---

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if not self.saved_by or not may(request, self.saved_by):
            return False
        return obj is None or not self.refusal(request, obj, SAVE)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[StaffList]:
        return StaffList

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        texts = dict.fromkeys((field.name for field in self.opts.get_fields()), "") | dict(self.help_texts)
        return super().get_form(request, obj, change, **{"labels": self.labels, "help_texts": texts, **kwargs})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        obj = self.get_object(request, unquote(object_id))
        tables = self.tables(request, obj) if obj and self.has_view_permission(request, obj) else []
        context = {**(extra_context or {}), "tables": tables}

        def answer() -> HttpResponse:
            return cast("HttpResponse", super(StaffAdmin, self).change_view(request, object_id, form_url, context))

        if obj and request.method == "POST" and self.has_change_permission(request):
            return self.unless_refused(request, obj, SAVE, answer)
        return answer()

    def tables(self, request: HttpRequest, obj: Any) -> "Sequence[Table | Figure]":
        """What stands below the object's own fields."""
        return []

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        obj = self.get_object(request, unquote(object_id))
        found: list[Any] = [] if obj is None else super().get_actions_detail(request, object_id)
        return [each for each in found if self.offers(request, obj, each.path)]

    def offers(self, request: HttpRequest, obj: Any, path: str) -> bool:
        """Whether the object's page has the button with this path: not if its state does not allow what that does."""
        return not self.refusal(request, obj, path)

    def refusal(self, request: HttpRequest, obj: Any, path: str) -> str:
        """Why the object's state does not allow what the button with this path does, or to `SAVE` it; empty if it does.

        Nothing changes of what belongs to a tenant that is being deleted.
        """
        tenant = getattr(obj, "tenant", None)
        return "" if getattr(tenant, "delete_at", None) is None else f"{tenant} is being deleted."

    def unless_refused(
        self, request: HttpRequest, obj: Model, path: str, answer: Callable[[], HttpResponse]
    ) -> HttpResponse:
        """The answer; where the object's state does not allow it, the object's page, which says why.

        The state may be another than the page showed from which somebody asks. What was begun is undone.
        """
        why = self.refusal(request, obj, path)
        if not why:
            try:
                with transaction.atomic():
                    return answer()
            except ValidationError as error:
                why = " ".join(error.messages)
            except (Problem, DatabaseError) as error:
                problem = as_problem(error)
                if problem is None or problem.status >= 500:
                    raise
                why = problem.detail
        self.message_user(request, f"{why} Nothing was changed.", messages.ERROR)
        return redirect(url_of(obj))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The audit trail of the object or its tenant, which also knows what the API and the commands did."""
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            return self.gone(request, object_id)
        return redirect(changelist_url("tenants", "auditentry", **self.history_query(obj)))

    def history_query(self, obj: Any) -> dict[str, Any]:
        """How the trail is filtered for the object."""
        return {"q": getattr(obj, "tenant_id", obj.pk)}

    # --- One trail: services write it, and save what belongs to an object. ---

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        pass

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        pass

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        pass

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        pass

    def gone(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return cast("HttpResponse", self._get_obj_does_not_exist_redirect(request, self.opts, object_id))

    def asked(
        self,
        request: HttpRequest,
        obj: Any,
        work: Callable[[Any, Any], object],
        *,
        title: str,
        submit: str,
        done: str,
        text: str = "",
        form: Callable[..., forms.BaseForm] = lambda obj, *data: forms.Form(*data),
    ) -> HttpResponse:
        """The page of a button: asks, does it with the object and the form, and leads back to the object.

        Args:
            work: see `unless_refused` for what it may raise.
            title: with `{}` for the object.
            form: makes the form of the object and, where it was sent, its data.
        """
        sent = form(obj, request.POST) if request.method == "POST" else form(obj)
        if sent.is_valid():
            work(obj, sent)
            self.message_user(request, done.format(obj), messages.SUCCESS)
            return redirect(url_of(obj))
        return self.form_page(
            request, sent, title=title.format(obj), text=text, submit=submit, back=url_of(obj), obj=obj
        )

    def form_page(
        self,
        request: HttpRequest,
        form: forms.BaseForm,
        *,
        title: str,
        submit: str,
        back: str,
        obj: Model | None = None,
        text: str = "",
        danger: bool = False,
    ) -> HttpResponse:
        """A page with one form; with an empty one it asks for confirmation."""
        return self.page(
            request,
            "staff/form.html",
            title=title,
            original=obj,
            form=form,
            submit_label=submit,
            back=back,
            text=text,
            danger=danger,
        )

    def page(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        return TemplateResponse(
            request, template, {**self.admin_site.each_context(request), "opts": self.opts, **context}
        )


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows beside a form, at most `ROWS_SHOWN`; `all_url` leads to the rest."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Any]]
    total: int
    all_url: str = ""

    @property
    def is_cut(self) -> bool:
        return self.total > len(self.rows)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What stands among the tables, and has a template of its own for its `data`."""

    title: str
    template: str
    data: Any
    all_url: str = ""


def actor(request: HttpRequest) -> str:
    """Who is named in the audit trail."""
    return f"staff:{request.user.get_username()}"


def may(request: HttpRequest, permission: str) -> bool:
    # Staff pages are behind the login, so the user has permissions.
    return bool(request.user.has_perm(permission))


def list_action(*, title: str, path: str, permission: str, icon: str) -> Callable[[F], F]:
    """A list's button, which leads to a page of its own. Who lacks the permission sees no button and gets a 403."""
    decorator = unfold.decorators.action(description=title, url_path=path, permissions=[permission], icon=icon)
    return cast("Callable[[F], F]", decorator)


def page_action(*, title: str, path: str, permission: str, icon: str) -> Callable[[F], Any]:
    """The same of an object's page. The view is given the object, in a state that allows what it does."""

    def decorate(view: F) -> Any:
        @wraps(view)
        def opened(staff: StaffAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
            obj = staff.get_object(request, unquote(object_id))
            if obj is None:
                return staff.gone(request, object_id)
            return staff.unless_refused(request, obj, path, lambda: view(staff, request, obj))

        return list_action(title=title, path=path, permission=permission, icon=icon)(opened)

    return decorate


def column(title: str, *, badges: dict[str, str] | None = None) -> Callable[[F], F]:
    """A column of a list; `badges` maps values to the colours of their badges."""
    return cast("Callable[[F], F]", unfold.decorators.display(description=title, label=badges))


def changelist_url(app: str, model: str, **query: Any) -> str:
    return reverse(f"admin:{app}_{model}_changelist", query=query)


def url_of(obj: Model) -> str:
    return reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", args=[quote(obj.pk)])


def link(url: str, text: object) -> SafeString:
    return format_html('<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>', url, text)


def code(text: object) -> SafeString:
    return format_html("<code>{}</code>", text)


def badge(text: str, badges: dict[str, str]) -> SafeString:
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": badges.get(text)})


def progress(done: int, total: int) -> SafeString:
    """A bar."""
    return format_html('<progress value="{}" max="{}"></progress>', min(done, total), max(total, 1))


def day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "-"


def count(rows: QuerySet[Any], *, by: str) -> Coalesce:
    """The number of `rows` as a subquery: unlike a join it is computed for the rows of the page alone."""
    return Coalesce(
        Subquery(rows.order_by().values(by).annotate(n=Count("*")).values("n")), 0, output_field=IntegerField()
    )
