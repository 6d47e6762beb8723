"""The second factor of staff logins: a code from an authenticator app, or one of the recovery codes."""
