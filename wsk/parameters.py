"""Values of -p, -P, -a, -A, --set and friends: from words to JSON.

A value is JSON if it parses, else a string in which backslash escapes work, else - when
it holds no quotation mark - the text itself. What is left is refused, so that a typo in
JSON does not silently become text.
"""

from typing import Any

from wsk import jsontext
from wsk.errors import GENERAL, WskError
from wsk.files import read_limited, text_or_base64
from wsk.session import Session

_WORDS = {"p": "parameter", "a": "annotation", "F": "parameter", "T": "parameter"}


def value_of(text: str) -> Any:
    """The JSON value that a word on the command line stands for.

    Raises:
        ValueError: a quotation mark in it is neither JSON nor escaped.
    """
    for candidate in (text, f'"{text}"'):
        try:
            return jsontext.loads(candidate)
        except ValueError as error:
            reason = error
    if '"' in text:
        raise ValueError(f"it is neither JSON nor plain text ({reason})")
    return text


def _refused(word: str, shown: str, reason: object) -> WskError:
    text = f"Invalid {word} argument '{shown}': {reason}"
    hint = "use --set-string KEY=VALUE for literal text"
    return WskError(text, GENERAL, usage=True, hint=hint)


def _file_object(path: str, word: str) -> dict[str, Any]:
    try:
        found = jsontext.loads(read_limited(path))
    except UnicodeDecodeError:
        raise _refused(word, path, "it is not UTF-8 text") from None
    except ValueError as error:
        raise _refused(word, path, error) from error
    if not isinstance(found, dict):
        raise _refused(word, path, "the file must hold a JSON object")
    return found


def collect(session: Session, letters: str) -> dict[str, Any]:
    """Merge the pairs with these letters, left to right, later keys winning.

    Raises:
        WskError: a value or a file is not what it should be.
    """
    merged: dict[str, Any] = {}
    for letter, first, second in session.call.pairs:
        if letter not in letters:
            continue
        word = _WORDS[letter.lower() if letter in "PA" else letter]
        if letter in "PA":
            merged.update(_file_object(first, word))
            continue
        if not first:
            raise _refused(word, second, "the key is empty")
        try:
            merged[first] = value_of(second)
        except ValueError as error:
            raise _refused(word, second, error) from error
        if second[:1] in ("{", "[") and isinstance(merged[first], str):
            session.out.warn(f"'{second}' is not JSON; it is sent as text")
    if "p" in letters:
        merged.update(settings(session))
    return merged


def settings(session: Session) -> dict[str, Any]:
    """What --set, --set-string and --set-file say."""
    found: dict[str, Any] = {}
    for flag, text in session.call.sequence:
        if flag not in ("set", "set-string", "set-file"):
            continue
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise _refused("parameter", text, f"--{flag} takes KEY=VALUE")
        try:
            found[key] = _setting(flag, value)
        except ValueError as error:
            raise _refused("parameter", text, error) from error
    return found


def _setting(flag: str, value: str) -> Any:
    if flag == "set-string":
        return value
    if flag == "set-file":
        return text_or_base64(read_limited(value))
    if value.startswith("@"):
        value = text_or_base64(read_limited(value[1:]))
    try:
        return jsontext.loads(value)
    except ValueError:
        return value


def payload(session: Session) -> Any:
    """The body of an invocation or a fire: --data as it is, else the parameters."""
    if not session.call.given("data"):
        return collect(session, "pP")
    text = session.call.text("data")
    try:
        raw = text.encode() if text[:1] not in ("@", "-") else None
        if text == "-" or text.startswith("@"):
            raw = read_limited("-" if text == "-" else text[1:])
        found = jsontext.loads(raw if raw is not None else text)
    except ValueError as error:
        raise _refused("parameter", text, error) from error
    if not isinstance(found, dict | list):
        raise _refused("parameter", text, "an object or an array is needed")
    return found
