"""Commands become operations; receipts, dead letters, batches, limits."""
