"""Define what the invented shop sells: brands, categories, claims and units. Every name here is made up."""

from dataclasses import dataclass
from enum import Enum


class Measure(Enum):
    """What a product's quantity counts; the value is the unit in which `Category.sizes` are given."""

    WEIGHT = "ounce"
    VOLUME = "fluid ounce"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Unit:
    """One spelling of a unit: `scale` of it make one of the measure's own unit; `weight` is its relative frequency."""

    spelling: str
    scale: float
    weight: float


@dataclass(frozen=True, slots=True)
class Brand:
    """A brand; `quality` is its effect on ln(price)."""

    name: str
    quality: float


@dataclass(frozen=True, slots=True)
class Claim:
    """A selling point that only the text states; `effect` is on ln(price)."""

    words: str
    effect: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of product. `price` in dollars is that of `size`; `sizes` are in the unit of `measure`."""

    noun: str
    package: str
    measure: Measure
    price: float
    size: float
    sizes: tuple[float, ...]
    packs: tuple[int, ...]
    container: str
    content: tuple[int, int, int]  # RGB of the food, seen through glass
    uses: tuple[str, str, str]
    varieties: tuple[str, ...]


def _units(*spellings: tuple[str, float, float]) -> tuple[Unit, ...]:
    return tuple(Unit(*spelling) for spelling in spellings)


# Avoirdupois and US customary units: 28.3495 g to the ounce, 16 ounces to the pound, 29.5735 ml to the fluid ounce.
# The weights imitate the challenge's catalog: one spelling dominates, the others trail off.
UNITS = {
    Measure.WEIGHT: _units(
        ("Ounce", 1, 60),
        ("ounce", 1, 7),
        ("oz", 1, 7),
        ("OZ", 1, 2),
        ("Oz", 1, 2),
        ("Ounces", 1, 2),
        ("pound", 1 / 16, 3),
        ("lb", 1 / 16, 2),
        ("Pound", 1 / 16, 1),
        ("gram", 28.3495, 3),
        ("Grams", 28.3495, 1),
        ("gramm", 28.3495, 1),
        ("kg", 0.0283495, 1),
    ),
    Measure.VOLUME: _units(
        ("Fl Oz", 1, 60),
        ("fl oz", 1, 8),
        ("FL Oz", 1, 2),
        ("Fl. Oz", 1, 2),
        ("Fluid Ounce", 1, 3),
        ("fluid ounces", 1, 2),
        ("millilitre", 29.5735, 2),
        ("ml", 29.5735, 2),
        ("liters", 0.0295735, 1),
    ),
    Measure.COUNT: _units(
        ("Count", 1, 60), ("count", 1, 8), ("ct", 1, 6), ("COUNT", 1, 2), ("Ct", 1, 2), ("each", 1, 1)
    ),
}

BRANDS = tuple(
    Brand(name, quality)
    for name, quality in (
        ("Larkmoor", 0.12),
        ("Tannenby", -0.31),
        ("Quillow Farm", 0.40),
        ("Pellworth & Daughters", 0.31),
        ("Zibbelo", -0.40),
        ("Havrona", -0.18),
        ("Casa Élunde", 0.22),
        ("Njördvale", 0.00),
    )
)

# A product line tells two packages of one brand and variety apart; it has no effect on the price.
LINES = ("", "Sunrise", "Hilltop", "Lantern", "Old Mill", "Harvest Moon")

CLAIMS = (
    Claim("Organic", 0.22, "Certified organic: grown without synthetic fertilizer or pesticides"),
    Claim("Gourmet", 0.20, "Gourmet quality, graded by hand for the most demanding kitchens"),
    Claim("Small Batch", 0.16, "Made in small batch runs, never in a hurry"),
    Claim("Imported", 0.12, "Imported from a family grower and packed on arrival"),
    Claim("Gluten Free", 0.08, "Gluten free and suitable for most diets"),
    Claim("Everyday", -0.20, "An everyday choice at a fair price"),
)

_JAR, _BOX, _BAG, _BOTTLE, _CAN = "jar", "box", "bag", "bottle", "can"
_BIG_PACKS = (1, 1, 1, 1, 2, 3, 4, 6, 12)
_SMALL_PACKS = (1, 1, 1, 1, 1, 2, 3, 6)

CATEGORIES = (
    Category(
        "Honey", _JAR, Measure.WEIGHT, 9.0, 12, (8, 12, 16, 24, 32), _SMALL_PACKS, "glass jar", (214, 142, 28),
        ("drizzled over warm toast", "stirred into tea or yogurt", "whisked into a salad dressing"),
        ("Wildflower", "Clover", "Orange Blossom", "Buckwheat", "Acacia"),
    ),
    Category(
        "Tea Bags", _BOX, Measure.COUNT, 7.0, 20, (16, 20, 25, 50, 80, 100), _BIG_PACKS, "carton", (90, 120, 60),
        ("brewed hot for a quiet morning", "poured over ice with mint", "sweetened with a spoon of honey"),
        ("Chamomile", "English Breakfast", "Green Sencha", "Peppermint", "Rooibos Vanilla"),
    ),
    Category(
        "Crackers", _BOX, Measure.WEIGHT, 5.5, 6, (4.4, 6, 8.5, 12, 16), _BIG_PACKS, "carton", (220, 180, 110),
        ("served with dips", "piled high with cheese", "crumbled over soup"),
        ("Sea Salt", "Rosemary", "Cracked Pepper", "Multigrain", "Sesame"),
    ),
    Category(
        "Whole Bean Coffee", _BAG, Measure.WEIGHT, 14.0, 12, (8, 10, 12, 16, 32, 80), _SMALL_PACKS, "valve bag",
        (60, 36, 20),
        ("ground fresh for a pour-over", "pulled as a short espresso", "steeped overnight as cold brew"),
        ("Dark Roast", "Espresso Blend", "Decaf House", "Hazelnut", "Café Noir"),
    ),
    Category(
        "Olive Oil", _BOTTLE, Measure.VOLUME, 15.0, 16.9, (8.5, 12.7, 16.9, 25.4, 33.8, 101.4), (1, 1, 1, 1, 2, 3),
        "glass bottle", (146, 140, 40),
        ("finishing a bowl of soup", "for dipping crusty bread", "in a bright vinaigrette"),
        ("Extra Virgin", "Cold Pressed", "Lemon Infused", "Garlic Infused", "Basil Infused"),
    ),
    Category(
        "Soup", _CAN, Measure.WEIGHT, 4.0, 15, (10.5, 15, 18.6), (1, 1, 2, 4, 6, 8, 12), "steel can",
        (180, 90, 40),
        ("heated in five minutes", "ladled over rice", "topped with croutons"),
        ("Tomato Basil", "Chicken Noodle", "Lentil", "Minestrone", "Corn Chowder"),
    ),
)  # fmt: skip
