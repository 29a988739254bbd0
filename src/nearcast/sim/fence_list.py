"""Which fence each shop draws: sixty recipes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """A fence to draw. `size_m` is a circle's radius, a floor's width, a hole's radius or a street's reach."""

    shop_id: str
    form: str  # near | floor | sites | block | ring | street
    size_m: float = 0.0
    dwell_s: float | None = None
    tags: tuple[str, ...] = ()
    active_hours: str | None = None
    suffix: str = ""

    @property
    def id(self) -> str:
        return f"{self.shop_id}-{self.suffix or self.form}"

    @property
    def label(self) -> str:
        return {
            "near": f"{self.size_m:.0f} m round the door",
            "floor": "shop floor",
            "sites": "both sites",
            "block": "the block",
            "ring": "without the middle",
            "street": "along the street",
        }[self.form]


_CIRCLES_M = {
    "bakery-old-bridge": 120,
    "cafe-market": 90,
    "bookshop-lanes": 100,
    "pharmacy-market": 60,
    "soup-bar": 50,
    "bistro-tower": 150,
    "lantern-bar": 80,
    "shoes-cobblestone": 45,
    "linen-wool": 60,
    "florist-well": 30,
    "optician-town-hall": 40,
    "tea-house": 70,
    "toy-box": 50,
    "two-scoops": 75,
    "farm-shop": 60,
    "brewery-tap": 80,
    "hairdresser-south": 60,
    "arcade-fashion": 250,
    "station-market": 140,
    "copy-shop": 100,
    "bakery-west": 80,
    "bakery-hospital": 100,
    "pharmacy-north": 80,
    "supermarket-north": 120,
    "bicycle-north": 100,
    "garden-east": 200,
    "gym-ring": 150,
    "fuel-ring": 60,
}
_FLOORS_M = {
    "bookshop-lanes": 24,
    "cheese-counter": 16,
    "tailor-needle": 15,
    "riverside-cinema": 46,
    "arcade-fashion": 40,
    "arcade-electronics": 36,
    "arcade-drugstore": 32,
    "arcade-coffee": 22,
    "arcade-supermarket": 48,
    "station-kiosk": 12,
    "supermarket-south": 55,
    "supermarket-north": 60,
    "timber-tools": 80,
    "office-lunch": 26,
}
_BLOCKS = (
    "cafe-market",
    "lantern-bar",
    "arcade-fashion",
    "station-market",
    "campus-canteen",
    "office-lunch",
    "timber-tools",
    "garden-east",
    "bicycle-north",
)

RECIPES: tuple[Recipe, ...] = (
    *(Recipe(shop_id, "near", radius_m) for shop_id, radius_m in _CIRCLES_M.items()),
    *(
        Recipe(shop_id, "floor", width_m, dwell_s=180 if width_m >= 40 else None, tags=("indoors",))
        for shop_id, width_m in _FLOORS_M.items()
    ),
    *(Recipe(shop_id, "block", dwell_s=300 if shop_id == "arcade-fashion" else None) for shop_id in _BLOCKS),
    Recipe("arcade-coffee", "ring", 22, tags=("indoors", "atrium")),
    Recipe("two-scoops", "ring", 85, tags=("park",), suffix="park"),
    Recipe("two-scoops", "sites", 70),
    Recipe("farm-shop", "sites", 60, dwell_s=60),
    Recipe("copy-shop", "sites", 35),
    Recipe("brewery-tap", "street", 110, tags=("evening",)),
    Recipe("lantern-bar", "street", 140, tags=("evening",)),
    Recipe("riverside-cinema", "street", 130, tags=("evening",)),
    Recipe("campus-canteen", "floor", 44, tags=("indoors",), active_hours="Mo-Fr 11:00-14:30"),
)
