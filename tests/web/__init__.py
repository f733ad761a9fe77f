"""Loopback web servers for the tests: real sockets, a full log, any behaviour."""
