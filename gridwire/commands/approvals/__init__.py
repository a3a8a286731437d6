"""What waits for a person's decision: reading it, and deciding. For `gridwire approvals`."""
