"""What the user may have meant: edit distance and prefixes."""

from collections.abc import Iterable


def distance(one: str, other: str) -> int:
    """Levenshtein's distance, after lower-casing."""
    one, other = one.lower(), other.lower()
    row = list(range(len(other) + 1))
    for line, left in enumerate(one, 1):
        before, row[0] = row[0], line
        for column, right in enumerate(other, 1):
            cost = before + (left != right)
            before = row[column]
            row[column] = min(before + 1, row[column - 1] + 1, cost)
    return row[-1]


def nearest(word: str, names: Iterable[str], limit: int = 2) -> list[str]:
    """Names within two edits, or that the word begins; best first.

    A word of one or two letters is within two edits of everything short, so the
    distance must also be smaller than the word.
    """
    found = []
    for name in dict.fromkeys(names):
        edits = distance(word, name)
        if edits <= limit and edits < max(len(word), 2):
            found.append((edits, name))
        elif word and name.lower().startswith(word.lower()):
            found.append((limit + 1, name))
    return [name for _, name in sorted(found, key=lambda pair: pair[0])]


def suggestion(word: str, names: Iterable[str]) -> str:
    """The block that follows an unknown name, or nothing."""
    found = nearest(word, names)
    if not found:
        return ""
    return "\n\nDid you mean this?\n" + "".join(f"\t{name}\n" for name in found)
