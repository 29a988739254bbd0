"""Geo-targeted proximity campaigns: consent first, silence by default, every message explained.

The house, from the door inwards; each floor knows only those below it:

cli         thin commands, each one call into an Application
bench       how fast the parts are against what a user would pick instead
bootstrap   the composition root: which reader, which channel
channels    what messages leave through; feeds: what pings arrive in; store: where it is kept, SQLite or PostGIS
services    the use cases: replay a scenario, match files, explain a verdict; the same engine live, on a store
sim         the synthetic city
geo         geometry in columns: validation, the fence index, geodesics, zones
domain      the rules, standard library only: visits, consent, decide
"""

__version__ = "0.1.0"
