"""Who belongs to an organization and to which teams: services and API, for its owners."""
