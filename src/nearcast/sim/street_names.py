"""Names for streets: trees, trades and landmarks, never people."""

import numpy as np

AVENUES = (
    "Ostallee",
    "Lindenallee",
    "Nordallee",
    "Universitätsallee",
    "Bahnhofstraße",
    "Werkstraße",
    "Brückenstraße",
    "Hafenstraße",
)
FOOTPATHS = ("Teichrunde", "Rosenpfad", "Eichenpfad", "Wiesenpfad", "Birkenpfad", "Quellpfad")
_TREES = (
    "Ahorn Birken Buchen Eichen Erlen Eschen Flieder Garten Hasel Kastanien Kiefern Lärchen Mühlen Pappel Rosen "
    "Schlehen Tannen Ulmen Wiesen Weiden Wald Feld Berg Tal Brunnen Kirch Schul Wasser Sonnen Nord Süd West Stein Sand "
    "Heide Moor Ginster Holunder Linden Apfel Kirsch Birn Nuss Wein Hopfen Korn Klee Mohn"
)
_KINDS = ("straße", "weg", "gasse", "zeile", "damm", "stieg", "winkel", "grund", "hof", "steig")
_TRADES = (
    "Markt Bäcker Töpfer Gerber Weber Schmiede Glocken Kloster Rathaus Turm Kessel Seiler Böttcher Färber Salz Fisch "
    "Korb Kräuter Mauer Brunnen Spinner Tor Treppen Laternen Zinn Kupfer Honig Brot Leder Wachs"
)


def lanes(rng: np.random.Generator) -> list[str]:
    """Thirty names for the old town, shuffled."""
    trades = _TRADES.split()
    return [f"{trades[n]}gasse" for n in rng.permutation(len(trades))]


def side_streets(rng: np.random.Generator) -> list[str]:
    """480 different names, shuffled."""
    names = [tree + kind for kind in _KINDS for tree in _TREES.split()]
    return [names[n] for n in rng.permutation(len(names))]
