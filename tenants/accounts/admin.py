"""Staff pages of users and groups, and one's own password. `services` say who may change whom."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import authenticate, update_session_auth_hash
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import Group, User
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse, reverse_lazy
from unfold.forms import AdminOwnPasswordChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from retivo.staff.pages import StaffAdmin, actor, changelist_url, column, list_action, may, page_action, url_of
from tenants.accounts import groups, services

_STATUS_BADGES = {"Active": "success", "Off": "default"}


def person(request: HttpRequest) -> User:
    return cast("User", request.user)  # staff pages are behind the login


# --- Forms ----------------------------------------------------------------------------------------------------------


class NewUserForm(UserCreationForm):  # type: ignore[misc]  # unfold carries no types
    usable_password = None  # there is no way in but a password

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].widget = UnfoldAdminTextInputWidget({"autofocus": True})
        self.fields["username"].help_text = "Letters, digits and @/./+/-/_. It cannot be changed later."
        for name in ("password1", "password2"):
            self.fields[name].required = True


class NewPasswordForm(SetPasswordForm):  # type: ignore[type-arg]  # generic for mypy alone
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget = UnfoldAdminPasswordWidget({"autocomplete": "new-password"})


class NewGroupForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for mypy alone
    class Meta:
        model = Group
        fields = ["name"]
        widgets = {"name": UnfoldAdminTextInputWidget({"autofocus": True})}


class UserForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for mypy alone
    by: User

    def clean(self) -> Any:
        services.check_user(by=self.by, user_id=self.instance.pk, changes=changes(self))
        return super().clean()


class GroupForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for mypy alone
    by: User

    def clean(self) -> Any:
        services.check_group(by=self.by, group_id=self.instance.pk, changes=changes(self))
        return super().clean()


def changes(form: Any) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in form.changed_data if name in form.cleaned_data}


# --- Pages ----------------------------------------------------------------------------------------------------------


class AccountAdmin(StaffAdmin):
    """What users and groups have in common."""

    compressed_fields = False  # room for the lists of permissions

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may_change = may(request, f"auth.change_{self.opts.model_name}")
        return may_change and (obj is None or self.is_open(request, obj))

    def is_open(self, request: HttpRequest, account: Any) -> bool:
        return services.covers(person(request), account)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **{"help_texts": None, **kwargs})  # Django's are for its staff
        form.by = request.user  # the class is made for this request
        return form

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if db_field.name in ("permissions", "user_permissions"):
            field.queryset = field.queryset.select_related("content_type")  # which their names show
        return field

    # What another page did between the form's check and the change is told as the form's own faults are.

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (ObjectDoesNotExist, ValidationError) as error:
            return self.overtaken(request, str(object_id), error)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except (ObjectDoesNotExist, ValidationError) as error:
            return self.overtaken(request, object_id, error)

    def overtaken(self, request: HttpRequest, object_id: str, error: Exception) -> HttpResponse:
        if not isinstance(error, ValidationError):
            return self.gone(request, object_id)
        self.message_user(request, " ".join(error.messages), messages.ERROR)
        return redirect(request.path)

    def after_making(self, request: HttpRequest, account: Any) -> HttpResponse:
        """The account's page; the start page for who may make accounts and not see them."""
        return redirect(url_of(account) if self.has_view_permission(request, account) else reverse("admin:index"))

    def history_query(self, obj: Any) -> dict[str, Any]:
        return {"about": f"{self.opts.model_name}:{obj.pk}"}


class UserAdmin(AccountAdmin):
    """Made with a name and a password; the rest is changed on the user's page. Never deleted: see `services`."""

    form = UserForm
    search_fields = ["username", "first_name", "last_name", "email"]
    search_help_text = "Username, name or email"
    list_display = ["username", "email", "first_name", "last_name", "status", "is_staff", "is_superuser", "last_login"]
    list_filter = ["is_staff", "is_superuser", "is_active", "groups"]
    ordering = ["username"]
    filter_horizontal = services.USER_SETS
    readonly_fields = ["username", "last_login", "date_joined"]
    actions_list = ["new_user"]
    actions_detail = ["set_password"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        text = (
            ""
            if obj is None or self.is_open(request, obj)
            else "This account has permissions that you do not have, so you cannot change it."
        )
        return [
            (None, {"fields": ["username", "first_name", "last_name", "email"], "description": text}),
            ("Permissions", {"fields": ["is_active", "is_staff", "is_superuser", *services.USER_SETS]}),
            ("Dates", {"fields": ["last_login", "date_joined"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*self.readonly_fields, *([] if person(request).is_superuser else ["is_superuser"])]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # A filter by the start of a hash would tell the hash.
        return not lookup.startswith("password") and bool(super().lookup_allowed(lookup, value, request))

    @column("Status", badges=_STATUS_BADGES)
    def status(self, user: User) -> str:
        return "Active" if user.is_active else "Off"

    def save_model(self, request: HttpRequest, obj: User, form: UserForm, change: bool) -> None:
        services.change_user(actor=actor(request), by=person(request), user_id=obj.pk, changes=changes(form))

    def offers(self, request: HttpRequest, obj: User, path: str) -> bool:
        return self.has_change_permission(request, obj)

    @list_action(title="New user", path="add", permission="auth.add_user", icon="person_add")
    def new_user(self, request: HttpRequest) -> HttpResponse:
        form = NewUserForm(request.POST or None)
        if form.is_valid():
            name, password = form.cleaned_data["username"], form.cleaned_data["password1"]
            try:
                user = services.create_user(actor=actor(request), username=name, password=password)
            except ValidationError as error:
                form.add_error(None, error)
            else:
                self.message_user(request, f"{user} was added and has no permissions yet.", messages.SUCCESS)
                return self.after_making(request, user)
        return self.form_page(
            request,
            form,
            title="New user",
            text="The next page sets what the user may do.",
            submit="Add the user",
            back=changelist_url("auth", "user"),
        )

    @page_action(title="Set password", path="password", permission="auth.change_user", icon="password")
    def set_password(self, request: HttpRequest, user: User) -> HttpResponse:
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        form = NewPasswordForm(user, request.POST or None)
        if form.is_valid():
            set_password(request, user, form.cleaned_data["new_password1"])
            self.message_user(request, f"{user} has a new password.", messages.SUCCESS)
            return redirect(url_of(user))
        return self.form_page(
            request,
            form,
            title=f"Set a password for {user}",
            text="The user is logged out everywhere.",
            submit="Set the password",
            back=url_of(user),
            obj=user,
        )


class GroupAdmin(AccountAdmin):
    form = GroupForm
    search_fields = ["name"]
    search_help_text = "Name"
    list_display = ["name"]
    ordering = ["name"]
    filter_horizontal = services.GROUP_SETS
    actions_list = ["new_group"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        if obj is not None and obj.name in groups.NAMES:
            text = "Each migration rewrites this group, so it cannot be changed here. Add another group instead."
        elif obj is not None and not self.is_open(request, obj):
            text = "This group has permissions that you do not have, so you cannot change it."
        else:
            text = ""
        return [(None, {"fields": ["name", *services.GROUP_SETS], "description": text})]

    def is_open(self, request: HttpRequest, account: Group) -> bool:
        return account.name not in groups.NAMES and super().is_open(request, account)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, "auth.delete_group") and (obj is None or self.is_open(request, obj))

    def save_model(self, request: HttpRequest, obj: Group, form: GroupForm, change: bool) -> None:
        services.change_group(actor=actor(request), by=person(request), group_id=obj.pk, changes=changes(form))

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        services.delete_group(actor=actor(request), by=person(request), group_id=obj.pk)

    @list_action(title="New group", path="add", permission="auth.add_group", icon="group_add")
    def new_group(self, request: HttpRequest) -> HttpResponse:
        form = NewGroupForm(request.POST or None)
        if form.is_valid():
            try:
                group = services.create_group(actor=actor(request), name=form.cleaned_data["name"])
            except ValidationError as error:
                form.add_error(None, error)
            else:
                self.message_user(request, f"{group} was added and has no permissions yet.", messages.SUCCESS)
                return self.after_making(request, group)
        return self.form_page(
            request,
            form,
            title="New group",
            text="The next page sets the permissions of the group.",
            submit="Add the group",
            back=changelist_url("auth", "group"),
        )


# --- One's own password -----------------------------------------------------------------------------------------------


class OwnPasswordForm(AdminOwnPasswordChangeForm):  # type: ignore[misc]  # unfold carries no types
    request: HttpRequest

    def clean_old_password(self) -> str:
        """Asked as a login is, so that wrong ones count as a login's do (`logins`)."""
        old: str = self.cleaned_data["old_password"]
        if authenticate(self.request, username=self.user.get_username(), password=old) is None:
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return old


class OwnPasswordView(PasswordChangeView):
    form_class = OwnPasswordForm

    def get_form(self, form_class: Any = None) -> Any:
        form = super().get_form(form_class)
        form.request = self.request  # type: ignore[attr-defined]
        return form

    success_url = reverse_lazy("admin:password_change_done")

    def form_valid(self, form: Any) -> HttpResponse:
        set_password(self.request, person(self.request), form.cleaned_data["new_password1"])
        return redirect(self.get_success_url())


def own_password(request: HttpRequest) -> HttpResponseBase:
    """In place of Django's page, in the same look."""
    return OwnPasswordView.as_view(extra_context=admin.site.each_context(request))(request)


def set_password(request: HttpRequest, user: User, password: str) -> None:
    user = services.set_password(actor=actor(request), by=person(request), user_id=user.pk, password=password)
    update_session_auth_hash(request, user)  # where it is one's own, this session stays
