"""The crawlers that ours is measured against, each with the best settings its manual has."""
