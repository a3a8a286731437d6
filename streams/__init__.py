"""Flows as pure values (`flows`, `rules`), their vocabulary (`flow`), and the runtime that carries them out."""
