"""Two aiohttp applications: public (hooks, health) and admin (pages, JSON, metrics)."""
