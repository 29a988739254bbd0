"""The catalogue of shops. Places are wishes: metres east and north of the centre, before a street is found for them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One shop; `near_m` holds a place for every site, the main one first."""

    id: str
    name: str
    kind: str
    hours: str  # as in OpenStreetMap
    near_m: tuple[tuple[float, float], ...]
    pull: float = 1.0


_BRIDGE_BAKERY = "Mo-Sa 06:00-18:30; Su 07:30-11:00"
_WORKSHOP = "Mo-Fr 09:00-12:30,13:30-18:00; Sa 09:00-13:00"
_COUNTER = "Mo-Fr 08:00-12:00,14:00-18:00; Sa 08:00-13:00"
_MALL = "Mo-Sa 10:00-20:00"
_LUNCH_BREAK = "Mo-Fr 08:00-12:00,14:00-18:00"
_LONG = "Mo-Su 07:00-22:00"

CATALOGUE: tuple[Entry, ...] = (
    # the old town
    Entry("bakery-old-bridge", "Bakery at the Old Bridge", "bakery", _BRIDGE_BAKERY, ((30, -380),), 3),
    Entry("cafe-market", "Market Square Café", "cafe", "Mo-Su 08:00-20:00", ((15, 10),), 3),
    Entry("bookshop-lanes", "Bookshop in the Lanes", "books", "Mo-Fr 09:30-18:30; Sa 10:00-16:00", ((-140, 90),), 3),
    Entry("pharmacy-market", "Market Pharmacy", "pharmacy", "Mo-Fr 08:00-18:30; Sa 09:00-13:00", ((95, -60),), 2),
    Entry("soup-bar", "Soup Bar Three Ladles", "lunch", "Mo-Fr 11:00-15:00", ((-60, -130),), 2),
    Entry("bistro-tower", "Bistro at the Tower", "lunch", "Mo-Sa 11:00-22:00", ((170, 150),), 3),
    Entry("lantern-bar", "Lantern Bar", "bar", "Mo-Su 16:00-02:00", ((-230, -100),), 3),
    Entry("shoes-cobblestone", "Cobblestone Shoes", "fashion", "Mo-Fr 10:00-18:30; Sa 10:00-16:00", ((220, 20),)),
    Entry("linen-wool", "Linen and Wool", "fashion", "Mo-Fr 10:00-18:00; Sa 10:00-16:00", ((120, 250),)),
    Entry("florist-well", "Flowers at the Well", "florist", "Mo-Fr 08:30-18:00; Sa 08:30-13:00", ((-60, 240),)),
    Entry("cheese-counter", "Cheese Counter", "deli", _COUNTER, ((-20, 100),), 2),
    Entry("optician-town-hall", "Optician at the Town Hall", "optician", "Mo-Fr 09:00-18:00", ((80, 90),)),
    Entry("tailor-needle", "Needle and Thread Tailoring", "tailor", _LUNCH_BREAK, ((-300, 150),)),
    Entry("tea-house", "Tea House in the Quiet Court", "cafe", "Tu-Sa 12:00-19:00", ((-180, 280),)),
    Entry("toy-box", "The Toy Box", "toys", "Mo-Fr 10:00-18:00; Sa 10:00-15:00", ((260, -170),)),
    Entry("two-scoops", "Two Scoops Ice Cream", "ice", "Mo-Su 11:00-20:00", ((55, 55), (-250, 680)), 3),
    Entry("farm-shop", "Farm Shop", "deli", "Tu,Fr 08:00-18:00; Sa 08:00-14:00", ((-50, -10), (-1500, 620)), 2),
    # on the river
    Entry("riverside-cinema", "Riverside Cinema", "cinema", "Mo-Su 15:00-23:30", ((330, -380),), 2),
    Entry("brewery-tap", "Brewery Tap on the South Bank", "bar", "Tu-Su 17:00-23:30", ((-330, -800),)),
    Entry("hairdresser-south", "South Bank Hairdresser", "hair", "Tu-Fr 09:00-18:00; Sa 08:00-14:00", ((160, -800),)),
    # the arcade, a shopping centre
    Entry("arcade-fashion", "Arcade Fashion", "fashion", _MALL, ((700, 285),), 4),
    Entry("arcade-electronics", "Arcade Electronics", "electronics", _MALL, ((745, 290),), 3),
    Entry("arcade-drugstore", "Arcade Drugstore", "drugstore", _MALL, ((690, 238),), 4),
    Entry("arcade-coffee", "Arcade Coffee", "cafe", _MALL, ((722, 232),), 2),
    Entry("arcade-supermarket", "Arcade Supermarket", "food", "Mo-Sa 07:00-22:00", ((758, 240),), 4),
    # the station
    Entry("station-market", "Station Market", "food", _LONG, ((-545, -150),), 5),
    Entry("station-kiosk", "Station Kiosk", "kiosk", "Mo-Su 05:30-22:00", ((-585, -190),), 3),
    # campus and office park
    Entry("campus-canteen", "Campus Canteen", "lunch", "Mo-Fr 08:00-15:30", ((-955, 580),), 4),
    Entry("copy-shop", "Campus Copy Shop", "copies", "Mo-Fr 08:30-17:30", ((-1020, 520), (-640, -60)), 2),
    Entry("office-lunch", "Office Park Lunch Counter", "lunch", "Mo-Fr 07:30-15:00", ((1060, -160),), 3),
    # the districts
    Entry("bakery-west", "Bakery West", "bakery", "Mo-Sa 06:00-13:00", ((-1150, -20),)),
    Entry("bakery-hospital", "Bakery at the Hospital", "bakery", "Mo-Su 06:00-18:00", ((330, 960),), 2),
    Entry("pharmacy-north", "Pharmacy North", "pharmacy", "Mo-Fr 08:00-18:00; Sa 09:00-13:00", ((110, 900),)),
    Entry("supermarket-north", "Supermarket North", "food", "Mo-Sa 07:00-22:00", ((420, 1320),), 2),
    Entry("supermarket-south", "Supermarket South Bank", "food", "Mo-Sa 07:00-21:00", ((170, -1020),), 2),
    Entry("bicycle-north", "Bicycle Workshop North", "bicycles", _WORKSHOP, ((-70, 1180),), 2),
    Entry("timber-tools", "Timber and Tools", "diy", "Mo-Sa 07:00-19:00", ((-850, -1480),)),
    Entry("garden-east", "Garden Centre East", "garden", "Mo-Sa 09:00-18:00", ((1480, 330),)),
    Entry("gym-ring", "Gym on the Ring", "gym", "Mo-Fr 06:30-22:30; Sa,Su 09:00-20:00", ((1130, 650),), 2),
    Entry("fuel-ring", "Ring Road Filling Station", "fuel", "24/7", ((960, 1080),)),
)

# How long people stay, in minutes: from, to.
STAY_MIN: dict[str, tuple[float, float]] = {
    "bakery": (3, 8),
    "cafe": (20, 50),
    "books": (8, 30),
    "pharmacy": (4, 12),
    "lunch": (18, 40),
    "bar": (50, 140),
    "fashion": (10, 35),
    "florist": (4, 12),
    "deli": (4, 12),
    "optician": (10, 35),
    "tailor": (4, 12),
    "toys": (8, 25),
    "ice": (5, 20),
    "cinema": (110, 150),
    "hair": (25, 70),
    "electronics": (10, 35),
    "drugstore": (7, 20),
    "food": (10, 30),
    "kiosk": (2, 6),
    "copies": (5, 20),
    "bicycles": (6, 25),
    "diy": (15, 45),
    "garden": (15, 50),
    "gym": (55, 95),
    "fuel": (4, 9),
}
