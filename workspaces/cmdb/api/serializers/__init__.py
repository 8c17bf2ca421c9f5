"""What the CMDB's API takes and shows."""
