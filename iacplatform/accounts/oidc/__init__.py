"""Signing in with an OpenID provider (docs/how-to/sign-in-with-openid-connect.md)."""
