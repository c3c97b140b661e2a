"""What the invented shop sells: brands, categories, claims and units. Every name here is made up."""

from dataclasses import dataclass
from enum import Enum


class Measure(Enum):
    """What a product's quantity counts; the value is the unit in which `Category.sizes` are given."""

    WEIGHT = "ounce"
    VOLUME = "fluid ounce"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Unit:
    """One way to write a unit: `scale` of it make one of the measure's own unit; `weight` is how often it is met."""

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
    """A selling point that only the text tells; `effect` is on ln(price)."""

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
    content: tuple[int, int, int]  # RGB of what shows through glass
    uses: tuple[str, str, str]
    varieties: tuple[str, ...]


def _units(*spellings: tuple[str, float, float]) -> tuple[Unit, ...]:
    return tuple(Unit(*spelling) for spelling in spellings)


# Avoirdupois and US customary units: 28.3495 g to the ounce, 16 ounces to the pound, 29.5735 ml to the fluid ounce.
# The weights follow what is met in challenge-like catalogs: one spelling dominates, the others trail off.
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
        ("Brindlecroft", -0.06),
        ("Ostervane", 0.26),
        ("Pellworth & Daughters", 0.35),
        ("Zibbelo", -0.40),
        ("Havrona", -0.18),
        ("Mirabond", 0.03),
        ("Dunlarch", -0.26),
        ("Kestoria", 0.21),
        ("Fennick & Rowe", 0.31),
        ("Solvareen", -0.12),
        ("Casa Élunde", 0.16),
        ("Vattelund", -0.03),
        ("Wrenhollow", 0.08),
        ("Yarrowick", -0.22),
        ("Pipkinny", -0.35),
        ("Njördvale", 0.00),
        ("Crumblestow", -0.09),
    )
)

# A product line tells two packages of one brand and variety apart; it has no effect on the price.
LINES = (
    "",
    "Sunrise",
    "Hilltop",
    "Riverbend",
    "Lantern",
    "Old Mill",
    "Harvest Moon",
    "Blue Door",
    "Meadow",
    "Windward",
)

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
        ("Wildflower", "Clover", "Orange Blossom", "Buckwheat", "Acacia", "Heather", "Lavender", "Linden", "Chestnut",
         "Sage", "Thyme", "Raw Forest"),
    ),
    Category(
        "Fruit Spread", _JAR, Measure.WEIGHT, 6.5, 10, (8, 10, 13, 18), _BIG_PACKS, "glass jar", (150, 28, 48),
        ("spread on scones", "swirled through porridge", "served with a soft cheese"),
        ("Strawberry", "Raspberry", "Apricot", "Fig", "Blackcurrant", "Sour Cherry", "Blueberry", "Açaí Berry",
         "Peach", "Plum", "Rhubarb", "Quince"),
    ),
    Category(
        "Seasoning", _JAR, Measure.WEIGHT, 7.0, 3, (1.5, 2.2, 3, 4.5, 8), _SMALL_PACKS, "shaker jar", (150, 84, 40),
        ("rubbed on chicken or fish", "shaken over roasted vegetables", "stirred into a slow stew"),
        ("Smoked Paprika", "Lemon Pepper", "Garlic & Herb", "Jalapeño Lime", "Five Spice", "Herbes de Provence",
         "Chili Cocoa", "Rosemary Salt", "Curry", "Cumin Coriander", "Mushroom Umami", "Everything Bagel"),
    ),
    Category(
        "Tea Bags", _BOX, Measure.COUNT, 7.0, 20, (16, 20, 25, 50, 80, 100), _BIG_PACKS, "carton", (90, 120, 60),
        ("brewed hot for a quiet morning", "poured over ice with mint", "sweetened with a spoon of honey"),
        ("Chamomile", "English Breakfast", "Green Sencha", "Peppermint", "Rooibos Vanilla", "Lemon Ginger", "Jasmine",
         "Hibiscus", "Earl Grey", "Turmeric", "White Peony", "Spiced Chai"),
    ),
    Category(
        "Snack Bars", _BOX, Measure.COUNT, 11.0, 8, (5, 6, 8, 12, 18), _BIG_PACKS, "carton", (120, 80, 50),
        ("tucked into a lunch box", "eaten on the trail", "shared after practice"),
        ("Peanut Butter", "Dark Chocolate", "Blueberry Almond", "Coconut Cashew", "Apple Cinnamon", "Oat & Raisin",
         "Salted Caramel", "Crème Brûlée", "Lemon Poppy", "Mint Cocoa", "Date & Sesame", "Maple Pecan"),
    ),
    Category(
        "Crackers", _BOX, Measure.WEIGHT, 5.5, 6, (4.4, 6, 8.5, 12, 16), _BIG_PACKS, "carton", (220, 180, 110),
        ("served with dips", "piled high with cheese", "crumbled over soup"),
        ("Sea Salt", "Rosemary", "Cracked Pepper", "Multigrain", "Sesame", "Cheddar", "Sourdough", "Rye", "Olive",
         "Tomato Basil", "Poppy Seed", "Sweet Onion"),
    ),
    Category(
        "Whole Bean Coffee", _BAG, Measure.WEIGHT, 14.0, 12, (8, 10, 12, 16, 32, 80), _SMALL_PACKS, "valve bag",
        (60, 36, 20),
        ("ground fresh for a pour-over", "pulled as a short espresso", "steeped overnight as cold brew"),
        ("Dark Roast", "Medium Roast", "Light Roast", "Espresso Blend", "Breakfast Blend", "French Roast",
         "Decaf House", "Hazelnut", "Mocha", "Highland", "Vanilla Bean", "Café Noir"),
    ),
    Category(
        "Granola", _BAG, Measure.WEIGHT, 7.5, 12, (8, 12, 16, 22, 40), _BIG_PACKS, "resealable pouch", (190, 140, 80),
        ("with cold milk or yogurt", "by the handful", "baked into cookies"),
        ("Maple Almond", "Honey Oat", "Cocoa Crunch", "Berry Medley", "Coconut", "Pumpkin Seed", "Cranberry",
         "Peanut Butter", "Vanilla", "Cinnamon Raisin", "Tropical", "Ginger Snap"),
    ),
    Category(
        "Mixed Nuts", _BAG, Measure.WEIGHT, 10.0, 10, (4, 6, 10, 16, 32, 48), _SMALL_PACKS, "resealable pouch",
        (180, 120, 70),
        ("for the road", "tossed through a salad", "set out for guests"),
        ("Lightly Salted", "Unsalted", "Honey Roasted", "Smoked", "Chili Lime", "Rosemary", "Trail Blend",
         "Deluxe Cashew", "Pistachio", "Cocoa Dusted", "Wasabi", "Maple Glazed"),
    ),
    Category(
        "Rice", _BAG, Measure.WEIGHT, 8.0, 32, (16, 32, 48, 80, 160), (1, 1, 1, 1, 2, 4), "cloth-lined bag",
        (240, 235, 220),
        ("simmered as a side dish", "fried with egg and scallion", "folded into a pudding"),
        ("Basmati", "Jasmine", "Long Grain Brown", "Arborio", "Wild Blend", "Black", "Sushi", "Red Cargo", "Sprouted",
         "Sticky", "Parboiled", "Carolina Style"),
    ),
    Category(
        "Olive Oil", _BOTTLE, Measure.VOLUME, 15.0, 16.9, (8.5, 12.7, 16.9, 25.4, 33.8, 101.4), (1, 1, 1, 1, 2, 3),
        "glass bottle", (146, 140, 40),
        ("finishing a bowl of soup", "for dipping crusty bread", "in a bright vinaigrette"),
        ("Extra Virgin", "Cold Pressed", "Lemon Infused", "Garlic Infused", "Basil Infused", "Early Harvest",
         "Unfiltered", "Chili Infused", "Mild", "Robust", "Truffle Style", "Arbequina"),
    ),
    Category(
        "Syrup", _BOTTLE, Measure.VOLUME, 10.0, 12, (8, 12, 16, 25.4, 32), _SMALL_PACKS, "glass bottle", (120, 58, 20),
        ("poured over pancakes", "pumped into a latte", "shaken into a mocktail"),
        ("Maple", "Vanilla", "Hazelnut", "Ginger", "Elderflower", "Caramel", "Blueberry", "Agave", "Date", "Lavender",
         "Brown Sugar", "Piña Colada"),
    ),
    Category(
        "Soup", _CAN, Measure.WEIGHT, 4.0, 15, (10.5, 15, 18.6), (1, 1, 2, 4, 6, 8, 12), "steel can",
        (180, 90, 40),
        ("heated in five minutes", "ladled over rice", "topped with croutons"),
        ("Tomato Basil", "Chicken Noodle", "Lentil", "Minestrone", "Corn Chowder", "Black Bean", "Split Pea",
         "Butternut", "Mushroom", "Wild Rice", "Potato Leek", "Tortilla"),
    ),
    Category(
        "Sparkling Water", _CAN, Measure.VOLUME, 2.6, 12, (8.4, 12, 16), (1, 4, 6, 8, 12, 24), "slim can",
        (200, 220, 230),
        ("served ice cold", "mixed into a spritz", "packed for a picnic"),
        ("Lime", "Grapefruit", "Peach", "Cucumber Mint", "Black Cherry", "Mango", "Yuzu", "Blood Orange", "Watermelon",
         "Passionfruit", "Lemon", "Plain"),
    ),
)  # fmt: skip
