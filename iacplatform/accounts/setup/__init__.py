"""The first administrator of an installation, made once by whoever has the set-up token."""
