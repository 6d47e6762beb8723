from django.contrib import admin
from django.urls import path

from tenants.second_factor import pages

urlpatterns = [
    path("", admin.site.admin_view(pages.overview), name="second_factor"),
    path("verify/", admin.site.admin_view(pages.VerifyView.as_view()), name="second_factor_verify"),
    path("enrol/", admin.site.admin_view(pages.EnrolView.as_view()), name="second_factor_enrol"),
    path("codes/", admin.site.admin_view(pages.CodesView.as_view()), name="second_factor_codes"),
    path("remove/", admin.site.admin_view(pages.RemoveView.as_view()), name="second_factor_remove"),
]
