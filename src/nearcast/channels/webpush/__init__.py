"""Messages to browsers: RFC 8030, encrypted for the one browser (RFC 8291), signed by us (RFC 8292)."""
