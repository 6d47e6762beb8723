"""The `Content-Security-Policy` of pages for people: what a browser loads and runs on them, whatever they hold."""

import re
from base64 import b64encode
from hashlib import sha256


def content_policy(html: str, *, scripts: str = "'self'") -> str:
    """The policy of pages that have the `<style>` elements of `html`, which hold nothing that anyone typed.

    Scripts and styles come from files of this service. No script stands in a page, and no style in an attribute.

    Args:
        scripts: the sources of `script-src`.
    """
    texts = re.findall(r"<style[^>]*>(.*?)</style>", html, re.DOTALL)
    hashes = [f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in texts]
    directives = {
        "default-src": "'none'",
        "script-src": scripts,
        "style-src": " ".join(["'self'", *hashes]),
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in directives.items())
