"""What the command line does: one module per group of commands. The only part of this package above all others."""
