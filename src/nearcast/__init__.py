"""Geo-targeted proximity campaigns: consent first, silence by default, every message explained.

The house, from the door inwards; each floor knows only those below it:

cli         thin commands, each one call into bootstrap, an Application or the Workbench
commands    those of the live service that come in groups: keys, export, ledger
bench       how fast the parts are against what a user would pick instead
showcase    the demo, and a fake provider as a program
bootstrap   the composition root: which database, readers, channels and clock; one Application for all who use it
providers   which channels are set up, by the settings; file_formats: those of files, loaded when the first one comes
serving     one process of the service: its socket, its loops, its signals, its log
api         JSON for machines; console: pages for people; worker: pings, due work and messages, in loops that go on
store       where it is kept, SQLite or PostGIS; channels: what messages leave through; feeds: what pings arrive in;
            fake_whatsapp: a provider to try things out with, which knows nothing of the rest
services    the use cases: the engine on a scenario or on a store, its rules' registers, files in, the demo
sim         the synthetic city
geo         geometry in columns: validation, the fence index, geodesics, zones
domain      the rules, standard library only: visits, consent, decide
settings    the only reader of the environment; clock: the only one that asks the machine for the time
"""

__version__ = "0.1.0"
