"""A topology made to be broken, the load for it, a worker to break, and an oracle that knows what must come of it."""
