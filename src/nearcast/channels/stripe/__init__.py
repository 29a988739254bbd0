"""Payments by link through Stripe Checkout."""
