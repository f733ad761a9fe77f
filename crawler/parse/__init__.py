"""From bytes to what a page says: charset, complexity, HTML, and the page's record.

Everything here is plain functions of bytes, so that it can run in this process or in a
child with limits.
"""
