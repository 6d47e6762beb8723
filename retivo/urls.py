"""Every path of the service."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from retivo.admin import search
from retivo.api.docs import DocsView, SchemaView
from retivo.api.security_txt import security_txt
from retivo.sight.exposition import metrics
from retivo.sight.probes import HealthView, LivezView, ReadyzView
from retivo.staff import error_pages
from tenants.accounts.admin import own_password
from tenants.deletion.views import CertificateKeysView
from tenants.leaks.views import ReportLeakView
from tenants.me.views import MeView

# A path is tried against what stands before it, at a microsecond each: what carries load comes first.
urlpatterns = [
    path("api/partners/", include("partners.urls")),
    path("api/", include("events.urls")),
    path("api/", include("decisions.urls")),
    path("api/external/", include("integrations.action_types.urls")),
    path("api/external/", include("delivery.urls")),
    path("api/outcomes/", include("delivery.outcomes.urls")),
    path("api/", include("learning.receipts.urls")),
    path("api/settings/", include("tenants.api_keys.urls")),
    path("api/", include("tenants.audit.urls")),
    path("", RedirectView.as_view(pattern_name="docs")),
    path("api/health", HealthView.as_view(), name="health"),
    path("api/livez", LivezView.as_view(), name="livez"),
    path("api/readyz", ReadyzView.as_view(), name="readyz"),
    path("api/me", MeView.as_view(), name="me"),
    path("api/keys/report-leak", ReportLeakView.as_view(), name="report-leak"),
    path("api/.well-known/retivo-keys", CertificateKeysView.as_view(), name="certificate-keys"),
    path("api/openapi.json", SchemaView.as_view(), name="schema"),
    path("api/docs", DocsView.as_view(), name="docs"),
    path("metrics", metrics),
    path(".well-known/security.txt", security_txt),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    # Before unfold's own.
    path("admin/search/", admin.site.admin_view(search)),
    path("admin/password_change/", admin.site.admin_view(own_password, cacheable=True)),
    path("admin/second-factor/", include("tenants.second_factor.urls")),
    *([path("admin/sign-on/", include("tenants.sign_on.urls"))] if settings.OIDC_ISSUER else []),
    path("admin/", admin.site.urls),
]

handler400 = error_pages.handler400
handler403 = error_pages.handler403
handler404 = error_pages.handler404
handler500 = error_pages.handler500
