"""Write a product's text as sellers do, in the challenge's `catalog_content` format, mess included.

The text states category, brand, claims, total quantity and pack count of every product, and nothing of its design tier.
"""

import html
from random import Random

from pricefuse.demo.assortment import UNITS, Unit
from pricefuse.demo.product import Product

LONG_TEXT_WORDS = 2000
_NO_BULLETS_RATE, _ONE_BULLET_RATE, _DESCRIPTION_RATE = 0.2, 0.1, 0.45
_EMOJI_RATE, _BOLD_RATE, _CURLY_RATE, _MOJIBAKE_RATE, _HTML_RATE = 0.08, 0.03, 0.15, 0.03, 0.3
_NO_VALUE_RATE, _ODD_UNIT_RATE, _SHOUTED_NAME_RATE, _EXPLAINED_RATE = 0.05, 0.04, 0.05, 0.3

_TITLES = (
    "{brand} {line} {claims} {variety} {noun}",
    "{brand} {line} - {claims} {variety} {noun}",
    "{brand} | {line} {variety} {noun} | {claims}",
    "{claims} {variety} {noun} by {brand} {line}",
)
_PACKS = (
    " (Pack of {})",
    " (Pack of {})",
    " (Pack of {})",
    ", {} Pack",
    " ({} Pack)",
    ", Pack of {}",
    " -- {} per case.",
)
_BULLETS = (
    "{VARIETY} TASTE: Every {container} of {brand} {noun} opens with the full, rounded character of {variety}",
    "HOW TO ENJOY: Wonderful {use}, and just as good {other_use}",
    "KEPT FRESH: Sealed in a {container} so that the last serving is as good as the first",
    "FROM OUR KITCHEN: At {brand} we taste each lot before it leaves, and we don't cut corners",
    "A THOUGHTFUL GIFT: Friends & family will be glad to find {brand} {noun} on the table",
    "SIMPLE INGREDIENTS: Nothing you can't pronounce, no artificial colors, no needless sugar",
    "EASY TO STORE: Keep the {container} in a cool, dry place; best within 12 months",
    "HAPPINESS PROMISED: If it isn't right, write to {brand} and we'll make it right",
)
_SENTENCES = (
    "{brand} began with one table at a village market, and our {variety} {noun} is still made to that first recipe.",
    "Try it {use}; those who know us best like it {other_use}.",
    "The {container} is easy to open, easy to close and easy to recycle.",
    "It's what you reach for without thinking, whether the day is long or short.",
    "Allergen note: packed in a place that also handles nuts, milk, wheat & soy.",
    "We choose the makings for aroma first, then for texture, and let the season decide the rest.",
    "Packaging may vary from the picture shown.",
)
_DAYS = (
    "Day {day}: {brand} {variety} {noun} {use}, {mood}, with a slice of {side} and a glass of {drink} close at hand.",
    "Day {day}: {mood}, we had it {use}; somebody asked for {side}, somebody else for {drink}, and all were content.",
    "Day {day}: begin with {side}, pour some {drink}, and bring out the {container} when the table is ready, {mood}.",
)
_SIDES = (
    "rye bread",
    "ripe pear",
    "mild cheese",
    "walnut cake",
    "baked squash",
    "cold chicken",
    "sweet corn",
    "fennel",
)
_DRINKS = ("cider", "mint tea", "cold milk", "barley water", "black coffee", "lemonade", "tomato juice", "buttermilk")
_MOODS = ("before the rain", "late in the evening", "on the porch", "after a swim", "in good company", "in no hurry")
_EMOJI = ("✅", "🌿", "😋", "🎁", "⭐", "❤️", "🍽️", "☀️")
_NO_VALUE = (
    "Value: nan\nUnit: None\n",
    "Value: None\nUnit: None\n",
    "Value: 0.0\nUnit: {unit}\n",
    "Unit: {unit}\n",
    "",
)
_ODD_UNITS = ("None", "None", "None", "per", "comes", "product_weight")
# U+1D5D4 is MATHEMATICAL SANS-SERIF BOLD CAPITAL A.
_BOLD = {ord("A") + letter: chr(0x1D5D4 + letter) for letter in range(26)}
_MARKUP = (
    "<p>{}</p>",
    "<p><b>Product details</b></p><p>{}</p>",
    "{}<br><br>Thank you for choosing us!&nbsp;<br />",
    "<ul><li>{}</li></ul>",
    '<div class="a-section">\n<span>{}</span>\n</div>',
)


def write_listing(product: Product, *, title_rng: Random, rng: Random, long: bool = False) -> str:
    """Return `catalog_content` of the product.

    Variants share their title if they are given `title_rng` in the same state. A `long` listing has more than
    LONG_TEXT_WORDS words.
    """
    title = _title(product, title_rng)
    units = UNITS[product.category.measure]
    unit = rng.choices(units, [unit.weight for unit in units])[0]
    name = title + (_size(product, unit, rng) if product.sized_name else "")
    explained = [claim for claim in product.claims if rng.random() < _EXPLAINED_RATE]
    bullets = [f"{claim.words.upper()}: {claim.sentence}" for claim in explained]
    bullets += _phrases(_BULLETS, product, _bullet_count(rng), rng)
    sentences = _phrases(_SENTENCES, product, rng.randint(2, 6) if rng.random() < _DESCRIPTION_RATE else 0, rng)
    if long:
        sentences += _diary(product, rng)
    bullets = _decorated([_worn(bullet, rng) for bullet in bullets], rng)
    lines = [f"Item Name: {name}"]
    if len(bullets) == 1:
        lines += [f"Bullet Point: {bullets[0]}"]
    else:
        lines += [f"Bullet Point {number}: {bullet}" for number, bullet in enumerate(bullets, 1)]
    if sentences:
        lines += [f"Product Description: {_marked_up(_worn(' '.join(sentences), rng), rng)}"]
    return "\n".join(lines) + "\n" + _quantity(product, unit, rng)


def _title(product: Product, rng: Random) -> str:
    """Return the item name without the quantity."""
    title = rng.choice(_TITLES).format(
        brand=product.brand.name,
        line=product.line,
        claims=" ".join(claim.words for claim in product.claims),
        variety=product.variety,
        noun=product.category.noun,
    )
    title = " ".join(title.split()).removesuffix(" |").replace(" | |", " |").replace(" - - ", " - ")
    if rng.random() < _SHOUTED_NAME_RATE:
        title = title.upper()
    return html.escape(title) if rng.random() < 0.5 else title


def _size(product: Product, unit: Unit, rng: Random) -> str:
    """Return the item name's size and pack, in another spelling of the unit of the last lines."""
    spelling = rng.choice([other.spelling for other in UNITS[product.category.measure] if other.scale == unit.scale])
    amount = float(f"{product.size * unit.scale:.4g}")  # as on a package: 340.2 gram, not 340.194
    gap = "" if len(spelling) == 2 and rng.random() < 0.4 else " "
    size = rng.choice((", {}", ", {}", " - {}", " {}", " ({})")).format(f"{amount:g}{gap}{spelling}")
    single = " (Pack of 1)" if rng.random() < 0.15 else ""
    return size + (rng.choice(_PACKS).format(product.pack) if product.pack > 1 else single)


def _quantity(product: Product, unit: Unit, rng: Random) -> str:
    """Return the last lines. Value is the total over the pack, in the unit of the item name."""
    dice = rng.random()
    if product.sized_name and dice < _NO_VALUE_RATE:
        return rng.choice(_NO_VALUE).format(unit=unit.spelling)
    odd = product.sized_name and dice < _NO_VALUE_RATE + _ODD_UNIT_RATE
    spelling = rng.choice(_ODD_UNITS) if odd else unit.spelling
    return f"Value: {round(float(product.total * unit.scale), 4)}\nUnit: {spelling}\n"


def _bullet_count(rng: Random) -> int:
    dice = rng.random()
    if dice < _NO_BULLETS_RATE:
        return 0
    return 1 if dice < _NO_BULLETS_RATE + _ONE_BULLET_RATE else rng.randint(3, 6)


def _phrases(templates: tuple[str, ...], product: Product, count: int, rng: Random) -> list[str]:
    return [_filled(template, product, rng) for template in rng.sample(templates, count)]


def _filled(template: str, product: Product, rng: Random, **more: object) -> str:
    use, other_use = rng.sample(product.category.uses, 2)
    return template.format(
        brand=product.brand.name,
        variety=product.variety,
        VARIETY=product.variety.upper(),
        noun=product.category.noun.lower(),
        container=product.category.container,
        use=use,
        other_use=other_use,
        **more,
    )


def _diary(product: Product, rng: Random) -> list[str]:
    days: list[str] = []
    words = 0
    while words <= LONG_TEXT_WORDS:
        more = {"side": rng.choice(_SIDES), "drink": rng.choice(_DRINKS), "mood": rng.choice(_MOODS)}
        days.append(_filled(rng.choice(_DAYS), product, rng, day=len(days) + 1, **more))
        words += len(days[-1].split())
    return days


def _worn(text: str, rng: Random) -> str:
    """Add the marks of word processors (curly quotes, dashes) and of wrong decoding to a text."""
    if rng.random() < _CURLY_RATE:
        text = text.replace("'", "\u2019").replace("; ", " \u2013 ")
    if rng.random() < _MOJIBAKE_RATE:
        text = text.encode().decode("cp1252", errors="replace")
    return text


def _decorated(bullets: list[str], rng: Random) -> list[str]:
    """Add to bullets the emoji and the bold letters (Unicode's mathematical block) that sellers use."""
    if rng.random() < _EMOJI_RATE:
        bullets = [f"{rng.choice(_EMOJI)} {bullet}" for bullet in bullets]
    if rng.random() < _BOLD_RATE:
        heads_and_tails = [bullet.partition(":") for bullet in bullets]
        bullets = [head.translate(_BOLD) + colon + tail for head, colon, tail in heads_and_tails]
    return bullets


def _marked_up(text: str, rng: Random) -> str:
    return rng.choice(_MARKUP).format(html.escape(text)) if rng.random() < _HTML_RATE else text
