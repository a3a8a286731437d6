"""What goes wrong without any record being at fault."""

from gridwire.codec import RegistryUnavailableError
from streams.engine.rows import StateError

# Whoever catches what a flow raises lets these through: the registry is asked again, a state that fails ends
# the process.
NOBODYS_FAULT = (RegistryUnavailableError, StateError)
