"""How many pages may still be fetched; reserving and refunding are the same in every store."""


class Budget:
    """So many ``pages`` (None: no limit)."""

    def __init__(self, pages: int | None) -> None:
        self._pages = pages

    def reserve(self, most: int) -> int:
        """Take up to ``most`` pages out and return how many there were."""
        if self._pages is None:
            return most
        granted = max(0, min(most, self._pages))
        self._pages -= granted
        return granted

    def refund(self, pages: int) -> None:
        """Put pages back."""
        if self._pages is not None:
            self._pages += pages
