"""What is done with notifications: choosing, writing, delivering, trying, configuring them."""
