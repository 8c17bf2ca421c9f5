"""iacplatform: a run platform for Terraform and OpenTofu. Wiring, and what every app shares."""
