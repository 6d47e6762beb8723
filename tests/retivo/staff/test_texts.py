"""What staff pages call things, and how they explain them."""

from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.contrib.admin.utils import flatten
from django.contrib.auth.models import Group, User
from django.utils.text import capfirst

from retivo.admin import _SIDEBAR

pytestmark = pytest.mark.no_database


def of(base: Any) -> Iterator[Any]:
    for each in base.__subclasses__():
        yield each
        yield from of(each)


def texts() -> Iterator[tuple[str, str]]:
    for model, page in admin.site._registry.items():
        yield from ((f"{model.__name__}.{name}", text) for name, text in getattr(page, "help_texts", {}).items())
    for form in of(forms.Form):
        if form.__module__.partition(".")[0] in ("tenants", "delivery", "integrations", "retivo", "learning"):
            yield from ((f"{form.__name__}.{name}", str(f.help_text)) for name, f in form.base_fields.items())


def test_help_texts__are_sentences_for_people() -> None:
    found = {name: text for name, text in texts() if text and not text.startswith("<ul>")}  # Django's of passwords
    assert len(found) > 20
    for name, text in found.items():
        assert text[0].isupper(), name
        assert text.endswith("."), name
        assert "`" not in text, name
        assert "null" not in text.lower(), name


def test_help_texts__of_a_page__are_of_its_fields_and_no_models() -> None:
    pages: dict[Any, Any] = admin.site._registry  # unfold's, which mypy does not know
    for model, page in pages.items():
        if model in (User, Group):
            continue  # Django's are for its staff
        shown = flatten([*(page.fields or []), *(name for _, part in page.fieldsets or [] for name in part["fields"])])
        assert {*page.labels, *page.help_texts} <= {*shown}, model


def test_sidebar__calls_each_model_as_its_page_does() -> None:
    for title, model, _ in (item for group in _SIDEBAR for item in group):
        page: Any = admin.site._registry[model]
        assert title == (page.list_title or capfirst(model._meta.verbose_name_plural))
