"""The command in a process that dies (see mortal), and that forgets what sites asked for.

The variant broken on purpose for the tests of politeness over runs.
"""

from typing import Any

from crawler.frontier.state import State
from tests.cli import mortal


def forget() -> None:
    """Take up a crawl as if no site had ever asked for a pause."""
    really: Any = State.open

    async def opened(*args: Any, **kwargs: Any) -> State:
        state: State = await really(*args, **kwargs)
        await state.run(lambda: state.db.execute("UPDATE site SET delay = 0, due = 0"))
        return state

    setattr(State, "open", opened)  # noqa: B010 - mypy minds a method that is assigned


if __name__ == "__main__":
    forget()
    mortal.main()
