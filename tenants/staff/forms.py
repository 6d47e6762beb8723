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
    scopes = forms.MultipleChoiceField(
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        error_messages={"required": "Choose at least one: what the key may do."},
    )
    expires_at = forms.DateTimeField(
        label="Expires at (UTC)",
        required=False,
        widget=UnfoldAdminTextInputWidget({"type": "datetime-local"}),
        help_text="Empty: never.",
    )

    def __init__(self, data: Any = None, *, tenant: Tenant) -> None:
        super().__init__(data)
        families = [Scope.FULL, *([Scope.PARTNER] if tenant.tenant_role == TenantRole.PARTNER else [])]
        choices = [(scope.value, SCOPES[scope]) for scope in Scope if scope.family in families]
        self.fields["scopes"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField's

    def clean_expires_at(self) -> Any:
        return _future(self.cleaned_data["expires_at"])


class RotateKeyForm(forms.Form):
    overlap_hours = forms.IntegerField(
        initial=24,
        min_value=0,
        max_value=720,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="How long the key is let in beside its successor; with 0 it is refused at once.",
    )
    expires_at = forms.DateTimeField(
        label="The successor expires at (UTC)",
        required=False,
        widget=UnfoldAdminTextInputWidget({"type": "datetime-local"}),
        help_text="Empty: never.",
    )

    def clean_expires_at(self) -> Any:
        return _future(self.cleaned_data["expires_at"])


def _future(moment: Any) -> Any:
    if moment is not None and moment <= timezone.now():
        raise ValidationError("Must be in the future.")
    return moment


SCOPES = {
    Scope.FULL: "full: everything in the tenant's own API",
    Scope.EVENTS_WRITE: "events:write: send events",
    Scope.USERS_READ: "users:read: read users, events, decisions, actions and lift",
    Scope.USERS_WRITE: "users:write: save, change and erase users",
    Scope.DECISIONS_WRITE: "decisions:write: ask for decisions, replay failed actions",
    Scope.OUTCOMES_WRITE: "outcomes:write: report the outcomes of actions",
    Scope.PLAYBOOKS_WRITE: "playbooks:write: read and change playbooks",
    Scope.SETTINGS_WRITE: "settings:write: read and change settings and switches",
    Scope.KEYS_MANAGE: "keys:manage: issue, rotate and revoke the tenant's keys",
    Scope.PARTNER: "partner: everything in the Partner API",
    Scope.PARTNER_READ: "partner:read: read customers, integrations, patterns and stats",
    Scope.PARTNER_CUSTOMERS: "partner:customers: provision and change customers",
    Scope.PARTNER_INTEGRATIONS: "partner:integrations: register and share integrations",
    Scope.PARTNER_KEYS: "partner:keys: manage the partner's keys and its customers'",
    Scope.PARTNER_SWITCHES: "partner:switches: the switches of all customers at once",
}


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


class OptionalJSONField(forms.JSONField):
    """Empty, and not `null`, where nothing is set."""

    def prepare_value(self, value: Any) -> Any:
        return None if value is None else super().prepare_value(value)


class TenantForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for mypy alone
    tracked_user_limit = forms.IntegerField(
        min_value=0,
        max_value=_LARGEST_INTEGER,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Monthly active users.",
    )
    rate_limit = OptionalJSONField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text='As {"requests": 6000, "seconds": 60}, of all its keys. Empty: the installation\'s limit.',
    )
    config = ConfigField(required=False, widget=UnfoldAdminTextareaWidget(_JSON))

    class Meta:
        model = Tenant
        fields = ["name", "plan_tier", "tracked_user_limit", "rate_limit", "config"]

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
