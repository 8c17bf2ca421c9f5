"""Verbs and questions of the CMDB."""
