"""The only room with concurrency: dispatch → ``todo`` → workers → ``done`` → settle.

Why it cannot deadlock: settle waits only for the disk (or a slow reader, which should
slow us), so ``done`` always drains; fetches end by timeout, so workers always put and
``todo`` always drains; so dispatch always puts. Links never travel backwards: they reach
dispatch through the frontier.

Closing flows the same way: dispatch ends and closes ``todo``, the workers end and close
``done``, settle commits what is left.
"""
