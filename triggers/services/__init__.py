"""What is done about run triggers; one module a subject."""
