"""Source and sink connectors: the kit does all I/O, each platform is data and pure functions."""
