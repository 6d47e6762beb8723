from django.urls import path

from tenants.sign_on.views import CallbackView, SignOnView

# The names are the library's.
urlpatterns = [
    path("", SignOnView.as_view(), name="oidc_authentication_init"),
    path("callback/", CallbackView.as_view(), name="oidc_authentication_callback"),
]
