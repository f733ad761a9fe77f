"""Where records go: ``records`` is the port, each output of it a ``series`` of files.

``format`` and ``columns`` turn records into bytes, ``output`` brings bytes into one file and
knows how far it is written, through ``compress`` and ``files``.
"""
