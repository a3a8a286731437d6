"""The programs that gridwire is compared with. Each is what its own documentation would have one write."""
