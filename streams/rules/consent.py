"""By which channels a customer may be spoken to."""

from gridwire.records import Customer

# Braze counts a user as subscribed to e-mail and push until told otherwise; SMS needs a yes.
OPT_OUT = ("email", "push")
OPT_IN = ("sms",)


def channels(customer: Customer) -> tuple[str, ...]:
    """Channels that the customer's consent allows; empty: unsubscribed from every channel."""
    opt_out = [name for name in OPT_OUT if getattr(customer, name) != "unsubscribed"]
    opt_in = [name for name in OPT_IN if getattr(customer, name) in ("opted_in", "subscribed")]
    return (*opt_out, *opt_in)


def is_unread(customer: Customer) -> bool:
    """Nobody has told us about any consent yet: the profile has not been read."""
    return customer.email == customer.push == customer.sms == "unknown"


def unreachable(customer: Customer) -> str:
    """Why nothing may be said to this customer, or ""."""
    if not customer.known_to_braze:
        return "customer unknown to Braze"
    return "" if channels(customer) else "unsubscribed from every channel"
