"""Fetches and polls: what we ask platforms for."""
