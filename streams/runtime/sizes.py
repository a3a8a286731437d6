"""How many records a round takes: as many as it can work off in time, fewer where one of them is suspected."""

from collections.abc import Mapping

from streams.runtime.rounds import Batch

ABORTS_AT_ONE_PLACE_MAX = 3
RECORDS_MIN = 100  # a round this small costs more by itself than by its records
GROWTH_MAX = 1.5  # per round, so that one quick round does not undo what many slow ones said


class Pace:
    """Keeps rounds within `round_s` seconds of work; never above `records_max` records."""

    def __init__(self, records_max: int, round_s: float) -> None:
        self._full = records_max
        self._least = min(RECORDS_MIN, records_max)
        self._round_s = round_s
        self.limit = records_max

    def took(self, records: int, seconds: float) -> None:
        """A round of that many records took so long. Rounds that were not full say little and change little."""
        if records == 0 or seconds <= 0:
            return
        fits = records * self._round_s / seconds
        if fits < self.limit and seconds > self._round_s:
            self.limit = max(self._least, int(fits))
        elif records >= self.limit:
            self.limit = min(self._full, int(min(fits, self.limit * GROWTH_MAX)) + 1)


class Suspect:
    """Finds the record that a round cannot get past: after some aborts at one place rounds are halved down to it.

    `searching`: rounds are cut for it. They must hold nothing but their records then: a timer that fires in the same
    round may be what the broker refuses.
    """

    def __init__(self, full: int) -> None:
        self._full = full
        self._place: dict[tuple[str, int], int] = {}
        self._aborts = 0
        self.limit = full
        self.searching = False

    def aborted(self, batches: list[Batch]) -> tuple[str, int, int] | None:
        """Notes an abort; returns the record (topic, partition, offset) once it is found."""
        # Each transaction begins where the last commit left off; how far it gets differs from try to try.
        place: dict[tuple[str, int], int] = {}
        for batch in batches:
            place.setdefault((batch.topic, batch.partition), batch.messages[0].offset() or 0)
        total = sum(len(b.messages) for b in batches)
        again = bool(place.items() & self._place.items())
        self._aborts = self._aborts + 1 if again or self.searching else 1
        self._place = place
        if self._aborts < ABORTS_AT_ONE_PLACE_MAX or not place:
            return None
        if total == 1 and self.searching:
            self._reset()
            return next((*tp, offset) for tp, offset in place.items())
        self.searching = True
        self.limit = max(1, min(self.limit, total) // 2)
        return None

    def committed(self, positions: Mapping[tuple[str, int], int]) -> None:
        """A round got through: while searching the next may be larger, until all is well again.

        A place stays suspected until it is passed: other partitions commit in between.
        """
        self._place = {
            tp: offset for tp, offset in self._place.items() if positions.get(tp, 0) <= offset
        }
        if self.searching:
            self.limit = min(self._full, self.limit * 2)
        if not self._place and self.limit == self._full:
            self._reset()

    def _reset(self) -> None:
        self._place, self._aborts, self.limit, self.searching = {}, 0, self._full, False
