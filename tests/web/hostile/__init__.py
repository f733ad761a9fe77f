"""A web that misbehaves in eighty ways, each with what a crawler should make of it.

``rows`` is the table: one line a behaviour. ``sites`` serves it, each behaviour as a site
of its own, so that what one does is no excuse for what becomes of another. ``names`` runs
the command with host names that misbehave. ``python -m tests.web.hostile`` (``make
hostile``) serves it all with an index page, for any crawler to try.
"""
