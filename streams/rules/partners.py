"""What a partner record decides: who supplies a product, and who may see what."""

from collections.abc import Iterable, Sequence

from gridwire.records import Partner
from streams.rules import regions

ACTIVE = "active"
STOPPED = frozenset({"suspended", "terminated"})
SUPPLIER = "supplier"


def is_active(partner: Partner) -> bool:
    """Only active partners take part: neither those that are still coming nor those that were stopped."""
    return partner.status == ACTIVE


def was_stopped(partner: Partner) -> bool:
    """It took part once, and may not any more (or not for now)."""
    return partner.status in STOPPED


def supplier_of(partners: Iterable[Partner]) -> Partner | None:
    """Of the partners that list a product, the active one that supplies it; ties go to the smallest id.

    A partner with the role supplier goes before one that only lists the product.
    """
    active = [partner for partner in partners if is_active(partner)]
    return min(active, key=lambda one: (SUPPLIER not in one.roles, one.partner_id), default=None)


def handles_line(partner: Partner, product_line: str | None) -> bool:
    """A partner that names product lines sees those only."""
    return not partner.product_lines or product_line in partner.product_lines


def may_see_own(partner: Partner, region: str, product_line: str | None) -> bool:
    """Whether a supplying partner may see figures about its own product in a region ("": not known).

    Regions and product lines that it names bound it; figures of an unknown region are its own all the same.
    """
    in_region = not region or not partner.regions or regions.covered(region, partner.regions)
    return is_active(partner) and in_region and handles_line(partner, product_line)


def may_see_region(
    partner: Partner,
    region: str,
    product_line: str | None,
    *,
    roles: Sequence[str],
    entitlement: str,
) -> bool:
    """Whether a partner may see figures about another's product because it serves the region.

    Its role must be among `roles`, or it must hold the entitlement, which gives what the role does not.
    """
    allowed = entitlement in partner.entitlements or any(role in partner.roles for role in roles)
    in_region = bool(region) and regions.covered(region, partner.regions)
    return is_active(partner) and allowed and in_region and handles_line(partner, product_line)
