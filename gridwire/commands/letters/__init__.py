"""Dead letters as operators see them: reading, marking and writing back. For `gridwire dead-letters`."""
