"""What staff say of a tenant, and what all layers say of it, on the tenant's page."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.safestring import SafeString
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from retivo.api.errors import Problem
from retivo.staff.pages import StaffAdmin, Table, actor, badge, page_action, url_of
from tenants import services
from tenants.controls import state
from tenants.models import (
    CASCADE_DAYS,
    MAX_REASON,
    Control,
    Layer,
    PlanStatus,
    SuspensionMode,
    Tenant,
    TenantRole,
)

_BADGES = {"on": "success", "held": "danger", "off": "danger"}
_MODES = {
    SuspensionMode.FULL: "Full: its keys are refused",
    SuspensionMode.HOLD: "Hold: events are taken, nothing is sent",
}


def _reason() -> forms.CharField:
    return forms.CharField(
        required=False,
        max_length=MAX_REASON,
        widget=UnfoldAdminTextInputWidget,
        help_text="Shown to the tenant and to its partner.",
    )


def _switch(text: str) -> forms.BooleanField:
    return forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget, help_text=text)


class SuspendForm(forms.Form):
    mode = forms.ChoiceField(required=False, choices=_MODES.items(), widget=UnfoldAdminSelectWidget)
    reason = _reason()
    cascade_days = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=365,
        initial=CASCADE_DAYS,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="So many days nothing of its customers is sent; after them a suspension in full refuses their keys.",
    )

    def __init__(self, data: Any = None, *, tenant: Tenant, control: Control | None = None) -> None:
        names = {"mode": "suspension_mode", "reason": "suspension_reason", "cascade_days": "cascade_days"}
        known = {} if control is None else {name: getattr(control, column) for name, column in names.items()}
        super().__init__(data, initial=known)
        if tenant.tenant_role != TenantRole.PARTNER:
            del self.fields["cascade_days"]

    def said(self) -> dict[str, Any]:
        days = self.cleaned_data.get("cascade_days")
        return {
            "mode": SuspensionMode(self.cleaned_data["mode"] or SuspensionMode.FULL),
            "reason": self.cleaned_data["reason"],
            "cascade_days": CASCADE_DAYS if days is None else days,
        }


class ControlsForm(forms.Form):
    """What staff say, beside what the tenant and its partner say; a suspension has pages of its own."""

    kill_switch = _switch("No action is sent; of a partner, no customer's either.")
    kill_switch_reason = _reason()
    shadow_mode = _switch("Decisions are made and logged, nothing is sent; of a partner, no customer's either.")
    shadow_mode_reason = _reason()
    action_budget_usd_max = forms.DecimalField(
        label="Largest budget (USD)",
        required=False,
        min_value=0,
        max_digits=18,
        decimal_places=6,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="The most that its config may say. Empty: no bound.",
    )
    action_budget_usd_locked = _switch("Neither the tenant nor its partner can change the budget.")
    holdout_percent_min = forms.DecimalField(
        label="Smallest holdout (%)",
        required=False,
        min_value=0,
        max_value=50,
        max_digits=8,
        decimal_places=6,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="The least that its config may say. Empty: no bound.",
    )
    holdout_percent_locked = _switch("Neither the tenant nor its partner can change the holdout.")

    def __init__(self, data: Any = None, *, control: Control) -> None:
        initial = {name: getattr(control, name) for name in self.base_fields if hasattr(control, name)}
        initial |= {name: getattr(control, f"{name}_since") is not None for name in ("kill_switch", "shadow_mode")}
        super().__init__(data, initial=initial)

    def said(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            **{
                name: {"active": given[name], "reason": given[f"{name}_reason"]}
                for name in ("kill_switch", "shadow_mode")
            },
            "action_budget_usd": {"max": given["action_budget_usd_max"], "locked": given["action_budget_usd_locked"]},
            "holdout_percent": {"min": given["holdout_percent_min"], "locked": given["holdout_percent_locked"]},
        }


class ControlledAdmin(StaffAdmin):
    """A tenant's page with what staff may say of the tenant."""

    def is_said_now(self, tenant: Tenant, path: str) -> bool:
        """What its partner suspended staff can suspend still, so that the partner cannot lift it."""
        if path == "suspend":
            return not tenant.suspended_by_staff
        return tenant.suspended_by_staff or path not in ("reactivate", "change-suspension")

    @page_action(title="Controls", path="controls", permission="tenants.change_tenant", icon="tune")
    def controls(self, request: HttpRequest, object_id: str) -> HttpResponse:
        tenant = self.get_object(request, object_id)
        if tenant is None:
            return self.gone(request, object_id)
        control = state.of_layer(Control.objects.filter(tenant_id=tenant.id), Layer.STAFF)
        form = ControlsForm(request.POST or None, control=control)
        if form.is_valid():
            try:
                services.say_as_staff(actor=actor(request), tenant_id=tenant.id, said=form.said())
            except Problem as problem:  # somebody deletes it meanwhile
                messages.error(request, problem.detail)
            else:
                messages.success(request, f"What staff say of {tenant.name} is in force.")
            return redirect(url_of(tenant))
        return self.form_page(
            request,
            form,
            title=f"Controls of {tenant.name}",
            text="What staff say, beside what the tenant and its partner say. The strictest holds.",
            submit="Save",
            back=url_of(tenant),
            obj=tenant,
        )

    @page_action(title="Suspend", path="suspend", permission="tenants.change_tenant", icon="block")
    def suspend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        tenant = self.get_object(request, object_id)
        if tenant is None:
            return self.gone(request, object_id)
        form = SuspendForm(request.POST if request.method == "POST" else None, tenant=tenant)
        text = "All of its keys are refused from now on, until staff reactivate it. Nothing is deleted."
        if tenant.tenant_role == TenantRole.PARTNER:
            text += " Of its customers nothing is sent."
        return self._suspended(
            request, tenant, PlanStatus.SUSPENDED, form=form, submit="Suspend", text=text, said=form.said
        )

    @page_action(title="Change suspension", path="change-suspension", permission="tenants.change_tenant", icon="edit")
    def change_suspension(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Its mode, reason and days, since when it is suspended staying as it is."""
        tenant = self.get_object(request, object_id)
        if tenant is None:
            return self.gone(request, object_id)
        if not tenant.suspended_by_staff:
            messages.error(request, f"Staff have not suspended {tenant.name}.")
            return redirect(url_of(tenant))
        control = state.of_layer(Control.objects.filter(tenant_id=tenant.id), Layer.STAFF)
        form = SuspendForm(request.POST if request.method == "POST" else None, tenant=tenant, control=control)
        return self._suspended(
            request,
            tenant,
            PlanStatus.SUSPENDED,
            form=form,
            submit="Change the suspension of",
            text="It goes on, and is what you say here from now on.",
            said=form.said,
        )

    @page_action(title="Reactivate", path="reactivate", permission="tenants.change_tenant", icon="play_arrow")
    def reactivate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        tenant = self.get_object(request, object_id)
        if tenant is None:
            return self.gone(request, object_id)
        form = Form(request.POST if request.method == "POST" else None)
        text = "What staff suspended is lifted from now on. A suspension by its partner stays."
        return self._suspended(request, tenant, PlanStatus.ACTIVE, form=form, submit="Reactivate", text=text, said=dict)

    def _suspended(
        self,
        request: HttpRequest,
        tenant: Tenant,
        plan_status: PlanStatus,
        *,
        form: forms.Form,
        submit: str,
        text: str,
        said: Callable[[], dict[str, Any]],
    ) -> HttpResponse:
        if form.is_valid():
            done = "suspended" if plan_status == PlanStatus.SUSPENDED else "no longer suspended by staff"
            try:
                services.set_plan_status(actor=actor(request), tenant_id=tenant.id, plan_status=plan_status, **said())
            except Problem as problem:  # somebody deletes it meanwhile
                messages.error(request, problem.detail)
            else:
                messages.success(request, f"{tenant.name} is {done}.")
            return redirect(url_of(tenant))
        return self.form_page(
            request,
            form,
            title=f"{submit} {tenant.name}?",
            text=text,
            submit=submit,
            danger=plan_status == PlanStatus.SUSPENDED,
            back=url_of(tenant),
            obj=tenant,
        )


# --- The table ------------------------------------------------------------------------------------------------------


def controls_table(tenant: Tenant) -> Table:
    """What each layer says, and what follows. What holds a partner is said of its customers, too."""
    said = {control.layer: control for control in Control.objects.filter(tenant_id=tenant.id)}
    of_partner = {control.layer: control for control in Control.objects.filter(tenant__customers=tenant)}
    columns = [
        [said.get(Layer.SELF)],
        [said.get(Layer.PARTNER), of_partner.get(Layer.SELF)],
        [said.get(Layer.STAFF), of_partner.get(Layer.STAFF)],
    ]
    effective = state.of_tenant(tenant)
    rows: list[Sequence[Any]] = [
        (title, *(_said(tell, layer, tenant) for layer in columns), _in_force(effective, codes))
        for title, tell, codes in _ROWS
    ]
    for title, key, tell, otherwise in _BOUNDS:
        # The config is held to the bounds, so what it says is in force.
        own = str(tenant.config.get(key, otherwise))
        rows.append((title, own, *(_bound(tell, layer[0]) for layer in columns[1:]), own))
    for part in effective.parts:
        what = part.switch.replace("_", " ").capitalize()
        of = f"{part.provider} {part.action_type or ''}".strip()
        told = _since("on", part.since, part.reason or "")
        rows.append((f"{what} of {of}", "–", told, "–", badge("held", _BADGES)))
    rows.append(("Sending", "", "", "", badge(effective.sending, _BADGES)))
    rows.append(("Events and keys", "", "", "", badge(effective.ingesting, _BADGES)))
    return Table(title="Controls", headers=["", "Tenant", "Partner", "Staff", "In force"], rows=rows, total=len(rows))


def _said(tell: Callable[[Control], str], layer: Sequence[Control | None], tenant: Tenant) -> str:
    """Of the tenant itself, and of all customers of its partner."""
    told = [
        text if control.tenant_id == tenant.id else f"{text} (of its partner)"
        for control in layer
        if control is not None and (text := tell(control))
    ]
    return "; ".join(told) or "–"


def _bound(tell: Callable[[Control], str], control: Control | None) -> str:
    return (tell(control) if control is not None else "") or "–"


def _in_force(effective: state.Effective, code: str) -> SafeString | str:
    found = [each for each in effective.because if each.endswith(code) or (code == "suspended" and "suspended" in each)]
    return badge("held", _BADGES) if found else "–"


def _since(what: str, since: Any, reason: str) -> str:
    return f"{what} since {since:%Y-%m-%d %H:%M}" + (f": {reason}" if reason else "") if since else ""


def _suspension(control: Control) -> str:
    mode = str(control.suspension_mode)
    if control.layer == Layer.STAFF and control.tenant.tenant_role == TenantRole.PARTNER:
        mode = f"{mode}, customers after {control.cascade_days} days"
    return _since(mode, control.suspended_since, control.suspension_reason)


def _budget(control: Control) -> str:
    most = state.amount(control.action_budget_usd_max)
    return ", ".join(filter(None, [most and f"at most {most}", "locked" if control.action_budget_usd_locked else ""]))


def _holdout(control: Control) -> str:
    least = state.amount(control.holdout_percent_min)
    return ", ".join(
        filter(None, [least and f"at least {least} %", "locked" if control.holdout_percent_locked else ""])
    )


_ROWS: Sequence[tuple[str, Callable[[Control], str], str]] = (
    ("Suspension", _suspension, "suspended"),
    ("Kill switch", lambda said: _since("on", said.kill_switch_since, said.kill_switch_reason), "kill_switch"),
    ("Shadow mode", lambda said: _since("on", said.shadow_mode_since, said.shadow_mode_reason), "shadow_mode"),
)
_BOUNDS: Sequence[tuple[str, str, Callable[[Control], str], str]] = (
    ("Budget (USD)", "action_budget_usd", _budget, "no limit"),
    ("Holdout (%)", "holdout_percent", _holdout, "0"),
)
