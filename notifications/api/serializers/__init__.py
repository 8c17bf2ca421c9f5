"""What the API shows and takes."""
