"""Django's PostgreSQL backend with a pool that gives no dead connection (``DATABASE_HEALTH_CHECKS``)."""
