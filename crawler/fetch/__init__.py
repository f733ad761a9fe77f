"""The wire: aiohttp, and everything that must be decided where bytes and addresses are."""
