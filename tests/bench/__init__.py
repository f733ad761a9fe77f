"""Speed, always as a ratio within one run, and counts that noise cannot move.

``make bench`` (``__main__``): ours and its ``peers`` crawl the same ``site`` in a ``contest``
of interleaved rounds, each at its ``cost``; a ``table`` tells. ``make bench-plots``
(``curves``): speed against what is known and against connections, drawn by ``chart``.
``make bench-stages`` (``stages``): microseconds of CPU by ``meter``. ``make bench-soaks``: long
crawls of sites that are ``made_up``, at which one ``looks`` from outside. In the normal tests:
``test_counts`` and ``test_calls``, what a start takes, and an early warning.
"""
