"""Why one URL is, or is not, in a crawl: its decisions, a visit to it, and what is told of that."""
