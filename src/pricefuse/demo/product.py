"""Draw synthetic products, and compute the price of each from its properties."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from random import Random

from pricefuse.demo.assortment import BRANDS, CATEGORIES, CLAIMS, LINES, Brand, Category, Claim
from pricefuse.errors import InputError

QUANTITY_EXPONENT = 0.7  # twice the quantity costs 2**0.7 = 1.62 times as much
PACK_EFFECT = -0.06  # exponent of the pack count: the same quantity is a little cheaper as a multi-pack
CLAIM_RATE = 0.18
UNSIZED_NAME_RATE = 0.25
# Dollars before brand, claims, tier and noise: no shop lists one cheap can alone, or a year's supply.
SHELF_PRICES = (2.5, 45.0)
_FAMILY_SIZES, _FAMILY_WEIGHTS = (1, 2, 3, 4, 5, 6), (60, 16, 10, 6, 5, 3)


class Tier(Enum):
    """Design of the package, which only the image shows. The value is the effect on ln(price)."""

    KRAFT = -0.3
    COLORED = 0.0
    GOLD = 0.3


@dataclass(frozen=True, slots=True)
class Product:
    """One row of the catalog. Products of one `family` differ in `size` and `pack` only.

    `size` is the quantity in one package, in the unit of the category's measure.
    """

    family: int
    brand: Brand
    line: str
    category: Category
    variety: str
    claims: tuple[Claim, ...]
    tier: Tier
    sized_name: bool  # False: the item name states neither size nor pack, so all variants share it
    size: float
    pack: int

    @property
    def total(self) -> float:
        """Quantity over the whole pack, in the unit of the category's measure."""
        return self.size * self.pack

    @property
    def log_price_from_text(self) -> float:
        """The part of ln(price in dollars) that follows from the text."""
        plain = math.log(plain_price(self.category, self.size, self.pack))
        return plain + self.brand.quality + sum(claim.effect for claim in self.claims)

    @property
    def log_price(self) -> float:
        """Median ln(price in dollars): all but the noise."""
        return self.log_price_from_text + self.tier.value


def plain_price(category: Category, size: float, pack: int) -> float:
    """Return the price in dollars by category and quantity alone."""
    quantity = math.pow(size * pack / category.size, QUANTITY_EXPONENT)
    return category.price * quantity * math.pow(pack, PACK_EFFECT)


def draw_products(count: int, *, singles: int, rng: Random) -> list[Product]:
    """Draw `count` products in families of variants; the first `singles` of them have no variants.

    Raises InputError if the assortment cannot make that many families.
    """
    return list(islice(_products(count, singles, rng), count))


def _products(count: int, singles: int, rng: Random) -> Iterator[Product]:
    identities = [
        (brand, line, category, variety)
        for brand in BRANDS
        for line in LINES
        for category in CATEGORIES
        for variety in category.varieties
    ]
    rng.shuffle(identities)
    for family, (brand, line, category, variety) in enumerate(identities):
        claims = tuple(claim for claim in CLAIMS if rng.random() < CLAIM_RATE)
        tier = rng.choice(tuple(Tier))
        sized_name = rng.random() >= UNSIZED_NAME_RATE
        variants = 1 if family < singles else rng.choices(_FAMILY_SIZES, _FAMILY_WEIGHTS)[0]
        for size, pack in _quantities(category, variants, sized_name=sized_name, rng=rng):
            yield Product(family, brand, line, category, variety, claims, tier, sized_name, size, pack)
    raise InputError(
        f"{count} products are more than the demo assortment has: ask for fewer train_products or test_products."
    )


def _quantities(category: Category, count: int, *, sized_name: bool, rng: Random) -> list[tuple[float, int]]:
    packs = sorted(set(category.packs)) if sized_name else [1]
    low, high = SHELF_PRICES
    choices = [
        (size, pack) for size in category.sizes for pack in packs if low <= plain_price(category, size, pack) <= high
    ]
    weights = {(size, pack): category.packs.count(pack) for size, pack in choices}
    drawn: list[tuple[float, int]] = []
    while choices and len(drawn) < count:
        drawn += rng.choices(choices, [weights[choice] for choice in choices])
        choices.remove(drawn[-1])
    return drawn
