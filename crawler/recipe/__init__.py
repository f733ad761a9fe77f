"""What to take out of pages, and which of their links to follow: the data, and two ways to
write it, flags and TOML. Everything here is pure; what compiles and applies it is ``parse``.
"""
