"""Staff pages of the kinds of partners' action types: which each has, how it was found, and another."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.widgets import UnfoldAdminSelectWidget

from integrations import services
from integrations.models import ActionTypeTemplate
from integrations.taxonomy.kinds import DOMAINS, KINDS
from retivo.staff.pages import StaffAdmin, actor, code, column, link, url_of

NONE = "none"


class KindFilter(DropdownFilter):  # type: ignore[misc]  # unfold carries no types
    title = parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(NONE, "None"), *((kind, kind) for kind in KINDS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ActionTypeTemplate]) -> QuerySet[ActionTypeTemplate]:
        kind = self.value()
        if kind == NONE:
            return queryset.filter(kind=None)
        return queryset.filter(kind=kind) if kind in KINDS else queryset


def choices() -> list[Any]:
    """Every kind, by domain, with what it is."""
    by_domain = [
        (domain.capitalize(), [(f"{domain}/{kind.name}", f"{domain}/{kind.name}: {kind.definition}") for kind in kinds])
        for domain, kinds in DOMAINS.items()
    ]
    return [("", "None"), *by_domain]


class KindForm(forms.ModelForm):  # type: ignore[type-arg]
    kind = forms.ChoiceField(choices=choices, required=False, widget=UnfoldAdminSelectWidget)

    class Meta:
        model = ActionTypeTemplate
        fields = ("kind",)

    def clean_kind(self) -> str | None:
        return self.cleaned_data["kind"] or None


class KindAdmin(StaffAdmin):
    list_title = "Kinds"
    saved_by = "integrations.change_partnerintegration"
    form = KindForm
    search_fields = ["name", "integration__provider", "tenant__name", "tenant__slug"]
    search_help_text = "Name, provider or partner"
    list_display = ["name", "partner", "integration_link", "domain", "kind_shown", "found"]
    list_filter = [KindFilter, ("kind_source", ChoicesDropdownFilter)]
    list_select_related = ["tenant", "integration"]
    ordering = ["tenant_id", "integration_id", "position"]
    fields = [("name", "partner"), ("integration_link", "domain"), "description", "found", "kind"]
    readonly_fields = ["name", "partner", "integration_link", "domain", "description", "found"]
    help_texts = {
        "kind": "Action types of one kind learn from each other over all partners. Without a kind, one stays "
        "within its partner. A change is in force for all customers at once.",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        return found.defer("parameters_schema", "integration__encrypted_webhook_secret")

    def refusal(self, request: HttpRequest, obj: ActionTypeTemplate, path: str) -> str:
        is_gone = obj.integration.deleted_at is not None
        return f"{obj.integration} was deleted." if is_gone else super().refusal(request, obj, path)

    @column("Partner")
    def partner(self, template: ActionTypeTemplate) -> SafeString:
        return link(url_of(template.tenant), template.tenant)

    @column("Integration")
    def integration_link(self, template: ActionTypeTemplate) -> SafeString:
        return link(url_of(template.integration), template.integration)

    @column("Domain")
    def domain(self, template: ActionTypeTemplate) -> str:
        return template.integration.domain

    @column("Kind")
    def kind_shown(self, template: ActionTypeTemplate) -> SafeString | str:
        return code(template.kind) if template.kind else "-"

    @column("How it was found", badges={"Declared": "success", "Proposed": "info"})
    def found(self, template: ActionTypeTemplate) -> str:
        return str(template.get_kind_source_display())

    def save_model(self, request: HttpRequest, obj: ActionTypeTemplate, form: Any, change: bool) -> None:
        if "kind" in form.changed_data:  # a page that is saved as it stands declares nothing
            kinds = {obj.name: form.cleaned_data["kind"]}
            services.change(actor=actor(request), integration_id=obj.integration_id, changes={"kinds": kinds})
