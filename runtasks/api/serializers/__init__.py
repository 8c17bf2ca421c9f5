"""What the API shows and takes: shapes only; the services judge what is sensible."""
