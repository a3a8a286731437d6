"""What every simulated platform shares: clock, calls, faults, webhooks, rate limits."""
