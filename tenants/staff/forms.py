"""The forms of the staff pages. They check what a person can mistype; services and the database check the rest."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from retivo.api.errors import Problem
from retivo.api.json import decode
from tenants import config
from tenants.controls import bounds
from tenants.models import ApiKey, Control, Layer, PlanTier, Scope, Tenant, TenantRole

_JSON = {"rows": 10, "spellcheck": "false"}
_LARGEST_INTEGER = 2**31 - 1


class CreatePartnerForm(forms.Form):
    name = forms.CharField(
        max_length=Tenant._meta.get_field("name").max_length, widget=UnfoldAdminTextInputWidget({"autofocus": True})
    )
    slug = forms.RegexField(
        r"^[a-z0-9]+(-[a-z0-9]+)*$",
        min_length=2,
        max_length=63,
        strip=True,
        widget=UnfoldAdminTextInputWidget,
        help_text="Lowercase letters, digits and single hyphens between them. It cannot be changed later.",
        error_messages={"invalid": "Lowercase letters, digits and single hyphens between them."},
    )
    plan_tier = forms.ChoiceField(choices=PlanTier.choices, widget=UnfoldAdminSelectWidget)


class IssueKeyForm(forms.Form):
    label = forms.CharField(
        required=False,
        max_length=ApiKey._meta.get_field("label").max_length,
        widget=UnfoldAdminTextInputWidget({"autofocus": True}),
        help_text="Where the key will be used.",
    )
    scopes = forms.MultipleChoiceField(widget=UnfoldAdminCheckboxSelectMultipleWidget, initial=[Scope.FULL])
    expires_at = forms.DateTimeField(
        label="Expires at (UTC)",
        required=False,
        widget=UnfoldAdminTextInputWidget({"type": "datetime-local"}),
        help_text="Empty: never.",
    )

    def __init__(self, data: Any = None, *, tenant: Tenant) -> None:
        super().__init__(data)
        choices = [(Scope.FULL.value, "Full access to the tenant's own data")]
        if tenant.tenant_role == TenantRole.PARTNER:
            choices.append((Scope.PARTNER.value, "Partner API: provision and manage customers"))
        self.fields["scopes"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField's

    def clean_expires_at(self) -> Any:
        expires_at = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= timezone.now():
            raise ValidationError("Must be in the future.")
        return expires_at


class ConfigField(forms.CharField):
    """A JSON object under the API's rules: nothing gets in here that PostgreSQL or a client cannot read."""

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        try:
            config = decode(text.encode()) if text else {}
        except Problem as problem:
            raise ValidationError(problem.detail) from problem
        if not isinstance(config, dict):
            raise ValidationError("Must be a JSON object: {…}.")
        return config

    def validate(self, value: Any) -> None:
        """to_python has checked all there is."""

    def run_validators(self, value: Any) -> None:
        """Those of CharField are for text."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            # As text: to Python true and 1 are equal.
            return json.dumps(self.to_python(data), sort_keys=True) != json.dumps(initial, sort_keys=True)
        except ValidationError:
            return True


class TenantForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for mypy alone
    tracked_user_limit = forms.IntegerField(
        min_value=0,
        max_value=_LARGEST_INTEGER,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Monthly active users.",
    )
    config = ConfigField(required=False, widget=UnfoldAdminTextareaWidget(_JSON))

    class Meta:
        model = Tenant
        fields = ["name", "plan_tier", "tracked_user_limit", "config"]

    def clean_config(self) -> dict[str, Any]:
        """What the API would refuse; a config that nobody touched stays as it is."""
        edited: dict[str, Any] = self.cleaned_data["config"]
        if "config" in self.changed_data and (found := config.faults(edited)):
            raise ValidationError(
                [f"{fault['pointer'].removeprefix('/config/')}: {fault['detail']}" for fault in found]
            )
        controls = Control.objects.filter(tenant_id=self.instance.id)
        try:
            bounds.check(controls, self.initial["config"], edited, by=Layer.STAFF)
        except Problem as problem:
            raise ValidationError(problem.detail) from problem
        return edited
