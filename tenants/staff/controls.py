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


def _switch(label: str, text: str) -> forms.BooleanField:
    return forms.BooleanField(label=label, required=False, widget=UnfoldBooleanSwitchWidget, help_text=text)


class SuspendForm(forms.Form):
    mode = forms.ChoiceField(required=False, choices=_MODES.items(), widget=UnfoldAdminSelectWidget)
    reason = _reason()
    cascade_days = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=365,
        initial=CASCADE_DAYS,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Until then nothing of its customers is sent. After that a full suspension refuses their keys, too.",
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

    kill_switch = _switch(
        "Kill switch", "No action of the tenant is sent. If it is a partner, none of its customers' is sent either."
    )
    kill_switch_reason = _reason()
    shadow_mode = _switch(
        "Shadow mode",
        "Decisions are made and logged, but nothing is sent. If it is a partner, this holds for its customers too.",
    )
    shadow_mode_reason = _reason()
    action_budget_usd_max = forms.DecimalField(
        label="Largest budget (USD)",
        required=False,
        min_value=0,
        max_digits=18,
        decimal_places=6,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="The largest budget that its config can set. Empty: no bound.",
    )
    action_budget_usd_locked = _switch(
        "Budget locked (USD)", "Neither the tenant nor its partner can change the budget."
    )
    holdout_percent_min = forms.DecimalField(
        label="Smallest holdout (%)",
        required=False,
        min_value=0,
        max_value=50,
        max_digits=8,
        decimal_places=6,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="The smallest holdout that its config can set. Empty: no bound.",
    )
    holdout_percent_locked = _switch("Holdout locked (%)", "Neither the tenant nor its partner can change the holdout.")

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

    def refusal(self, request: HttpRequest, obj: Tenant, path: str) -> str:
        """What its partner suspended staff can suspend still, so that the partner cannot lift it."""
        if path == "suspend" and obj.suspended_by_staff:
            return f"Staff have suspended {obj} already."
        if path in ("reactivate", "change-suspension") and not obj.suspended_by_staff:
            return f"Staff have not suspended {obj}."
        return super().refusal(request, obj, path)

    @page_action(title="Controls", path="controls", permission="tenants.change_tenant", icon="tune")
    def controls(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        control = state.of_layer(Control.objects.filter(tenant_id=tenant.id), Layer.STAFF)
        form = ControlsForm(request.POST or None, control=control)
        if form.is_valid():
            after = services.say_as_staff(actor=actor(request), tenant_id=tenant.id, said=form.said())
            is_changed = after.updated_at != tenant.updated_at
            text = f"The controls of {tenant.name} are in force." if is_changed else "Nothing was changed."
            messages.success(request, text)
            return redirect(url_of(tenant))
        return self.form_page(
            request,
            form,
            title=f"Controls of {tenant.name}",
            text="These apply beside the controls that the tenant and its partner set. The strictest one holds.",
            submit="Save",
            back=url_of(tenant),
            obj=tenant,
        )

    @page_action(title="Suspend", path="suspend", permission="tenants.change_tenant", icon="block")
    def suspend(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        form = SuspendForm(request.POST if request.method == "POST" else None, tenant=tenant)
        text = "All of its keys are refused from now on, until staff reactivate it. Nothing is deleted."
        if tenant.tenant_role == TenantRole.PARTNER:
            text += " Of its customers nothing is sent."
        return self._suspended(
            request, tenant, PlanStatus.SUSPENDED, form=form, submit="Suspend", text=text, said=form.said
        )

    @page_action(title="Change suspension", path="change-suspension", permission="tenants.change_tenant", icon="edit")
    def change_suspension(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        """Its mode, reason and days, since when it is suspended staying as it is."""
        control = state.of_layer(Control.objects.filter(tenant_id=tenant.id), Layer.STAFF)
        form = SuspendForm(request.POST if request.method == "POST" else None, tenant=tenant, control=control)
        return self._suspended(
            request,
            tenant,
            PlanStatus.SUSPENDED,
            form=form,
            submit="Change the suspension of",
            text="The tenant stays suspended. The mode and the reason are from now on what you enter here.",
            said=form.said,
        )

    @page_action(title="Reactivate", path="reactivate", permission="tenants.change_tenant", icon="play_arrow")
    def reactivate(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        form = Form(request.POST if request.method == "POST" else None)
        text = "The suspension by staff ends. A suspension by its partner stays."
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
            services.set_plan_status(actor=actor(request), tenant_id=tenant.id, plan_status=plan_status, **said())
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
    if tenant.delete_at is not None:
        until = f"Being deleted; can be restored until {tenant.delete_at:%Y-%m-%d %H:%M}"
        rows.append(("Deletion", until, "–", "–", badge("held", _BADGES)))
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
