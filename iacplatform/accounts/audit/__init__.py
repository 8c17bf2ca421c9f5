"""The audit log: who did what, from where, on which object (docs/reference/audit-log.md)."""
