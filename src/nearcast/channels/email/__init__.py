"""Mail over SMTP (RFC 5321), which ends with one click (RFC 8058)."""
