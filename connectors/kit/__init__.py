"""The only HTTP and the only source and sink engine. A connector is data and pure functions (`connector`)."""
