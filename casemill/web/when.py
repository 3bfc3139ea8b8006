"""When a schedule starts something, in words."""

from casemill.monitoring.durations import in_words

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_NUMBER = {day[:3].lower(): number for number, day in enumerate(_DAYS)}


def every(seconds: float) -> str:
    return f"Every {in_words(seconds)}"


def cron_in_words(cron: str, zone: str) -> str:
    """Such as "Daily at 09:00 Europe/Berlin". Of one that is no short sentence, that it has a cron."""
    match cron.split():
        case [minute, "*", "*", "*", "*"] if minute.isdecimal():
            return f"Every hour, {int(minute)} min past" if int(minute) else "Every hour, on the hour"
        case [minute, "*", "*", "*", "*"] if _divides_the_hour(minute.removeprefix("*/")):
            return f"Every {minute.removeprefix('*/')} min"
        case [minute, hour, day, "*", weekdays] if minute.isdecimal() and hour.isdecimal():
            days = _days(day, weekdays)
            return f"{days} at {int(hour):02}:{int(minute):02} {zone}" if days else _OWN
        case _:
            return _OWN


_OWN = "By a cron of its own"


def _divides_the_hour(step: str) -> bool:
    return step.isdecimal() and int(step) > 1 and 60 % int(step) == 0


def _days(day: str, weekdays: str) -> str | None:
    if (day, weekdays) == ("*", "*"):
        return "Daily"
    if weekdays == "*":
        return f"On day {int(day)} of each month" if day.isdecimal() else None
    numbers = _numbers(weekdays.lower()) if day == "*" else None
    if numbers is None:
        return None
    if numbers == {1, 2, 3, 4, 5}:
        return "On weekdays"
    names = [f"{_DAYS[number]}s" for number in sorted(numbers, key=lambda number: number or 7)]
    return f"On {' and '.join([', '.join(names[:-1]), names[-1]] if names[1:] else names)}"


def _numbers(weekdays: str) -> set[int] | None:
    """Of days as in 1-5, mon,thu or 0; None for what is written otherwise."""
    found: set[int] = set()
    for part in weekdays.split(","):
        first, _, last = part.partition("-")
        ends = [_number(end) for end in (first, last or first)]
        if ends[0] is None or ends[1] is None or ends[0] > ends[1]:
            return None
        found |= {number % 7 for number in range(ends[0], ends[1] + 1)}
    return found


def _number(day: str) -> int | None:
    if day.isdecimal():
        return int(day) if int(day) <= 7 else None
    return _NUMBER.get(day)
