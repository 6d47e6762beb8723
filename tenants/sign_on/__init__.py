"""Sign-on of staff at an OpenID Connect provider, where one is configured; mozilla-django-oidc does the protocol."""
