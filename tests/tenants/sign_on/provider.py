"""A small OpenID Connect provider on loopback: it signs in whoever comes, and says what a test wants of them."""

import json
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "retivo", "the client's secret"


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Provider:
    url: str
    key: rsa.RSAPrivateKey = field(default_factory=new_key)
    claims: dict[str, Any] = field(default_factory=dict)  # of the user
    token: dict[str, Any] = field(default_factory=dict)  # other claims of the token; None takes one away
    sign: Callable[[dict[str, Any]], str] | None = None  # in place of the right way
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)  # of a path, in place of the right ones
    delay: float = 0  # in seconds, before each answer to Retivo
    drip: float = 0  # in seconds, between two bytes of each answer to Retivo
    codes: dict[str, dict[str, str]] = field(default_factory=dict)  # what was asked for

    def environment(self) -> dict[str, str]:
        endpoints = {
            f"OIDC_{name}_ENDPOINT": f"{self.url}/{name.lower()}"
            for name in ("AUTHORIZATION", "TOKEN", "USERINFO", "JWKS")
        }
        return {"OIDC_ISSUER": self.url, "OIDC_CLIENT_ID": CLIENT, "OIDC_CLIENT_SECRET": SECRET, **endpoints}

    def id_token(self, asked: dict[str, str]) -> str:
        told = {
            "iss": self.url,
            "sub": self.claims["sub"],
            "aud": CLIENT,
            "iat": int(time.time()),
            "exp": int(time.time()) + 60,
            "nonce": asked["nonce"],
            **self.token,
        }
        told = {name: value for name, value in told.items() if value is not None}
        return self.sign(told) if self.sign else self.signed(told, self.key)

    def signed(self, claims: dict[str, Any], key: Any, algorithm: str = "RS256") -> str:
        return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": "1"})


@contextmanager
def provider() -> Iterator[Provider]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.provider = Provider(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.provider  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        self.respond({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.respond({name: value for name, (value,) in parse_qs(body).items()})

    def respond(self, form: dict[str, str]) -> None:
        self.provider = self.server.provider  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        query = {name: value for name, (value,) in parse_qs(parts.query).items()}
        if parts.path == "/authorization":
            self.lead_back(query)
            return
        time.sleep(self.provider.delay)
        if parts.path in self.provider.answers:
            self.say(*self.provider.answers[parts.path])
            return
        right: dict[str, Callable[[], Any]] = {
            "/token": lambda: self.tokens(form),
            "/jwks": self.keys,
            "/userinfo": lambda: self.provider.claims,
        }
        self.say(200, json.dumps(right[parts.path]()))

    def lead_back(self, query: dict[str, str]) -> None:
        code = secrets.token_hex(8)
        self.provider.codes[code] = query
        self.send_response(302)
        self.send_header("Location", f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}")
        self.end_headers()

    def tokens(self, form: dict[str, str]) -> dict[str, str]:
        asked = self.provider.codes.pop(form["code"])
        challenge = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        assert challenge == asked["code_challenge"]
        assert (form["client_id"], form["client_secret"]) == (CLIENT, SECRET)
        assert form["redirect_uri"] == asked["redirect_uri"]
        return {"access_token": "opaque", "token_type": "Bearer", "id_token": self.provider.id_token(asked)}

    def keys(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.provider.key.public_key()))
        return {"keys": [{**public, "kid": "1", "alg": "RS256", "use": "sig"}]}

    def say(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        if not self.provider.drip:
            self.wfile.write(body.encode())
            return
        with suppress(OSError):  # Retivo has had enough
            for byte in body.encode():
                self.wfile.write(bytes([byte]))
                time.sleep(self.provider.drip)

    def log_message(self, *args: Any) -> None:
        pass
