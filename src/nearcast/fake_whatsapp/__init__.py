"""WhatsApp's Cloud API as a program on this machine: for trying things out, and for tests that need it to misbehave.

It is written from what the provider documents, and knows nothing of nearcast: the two meet over HTTP alone.
"""
