"""Calling platforms: one client, paced, behind a breaker, with tokens renewed early."""
