"""wsk new: a small project that deploys as it is."""

import os

from wsk.errors import WskError
from wsk.session import Session
from wsk.typos import nearest

EXTENSIONS = {"python": "py", "nodejs": "js"}

_PLAIN = {
    "python": '''\
def main(args):
    """Answer a greeting; `args` are the parameters, the result is a JSON object."""
    name = args.get("name", "World")
    print(f"greeting {name}")
    return {"greeting": f"Hello, {name}!"}
''',
    "nodejs": """\
/** Answer a greeting; `args` are the parameters, the result is a JSON object. */
function main(args) {
  const name = args.name || "World";
  console.log(`greeting ${name}`);
  return { greeting: `Hello, ${name}!` };
}
""",
}
_WEB = {
    "python": '''\
def main(args):
    """Answer a web page; __ow_method and __ow_headers tell of the request."""
    name = args.get("name", "World")
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "text/plain; charset=utf-8"},
        "body": f"Hello, {name}! You sent a {args.get('__ow_method', '?')}.\\n",
    }
''',
    "nodejs": """\
/** Answer a web page; __ow_method and __ow_headers tell of the request. */
function main(args) {
  const name = args.name || "World";
  return {
    statusCode: 200,
    headers: { "Content-Type": "text/plain; charset=utf-8" },
    body: `Hello, ${name}! You sent a ${args.__ow_method || "?"}.\\n`,
  };
}
""",
}
_SECOND = {
    "python": '''\
def main(args):
    """Second step: takes what the first one answered."""
    return {"greeting": args.get("greeting", "").upper()}
''',
    "nodejs": """\
/** Second step: takes what the first one answered. */
function main(args) {
  return { greeting: (args.greeting || "").toUpperCase() };
}
""",
}

_MANIFEST = """\
# Deploy with `wsk deploy`, run here with `wsk dev`.
project:
  name: {name}
  packages:
    {name}:
      actions:
        hello:
          function: src/hello.{extension}
          runtime: {kind}
{more}"""
_SECOND_ACTION = """\
        shout:
          function: src/shout.{extension}
          runtime: {kind}
      sequences:
        loud:
          actions: hello, shout
"""

TEMPLATES = {
    "plain": "an action that answers JSON",
    "web": "an action that answers a web page",
    "sequence": "two actions, one after the other",
}
IGNORED = ".git\n__pycache__\nnode_modules/.cache\ntest\n"


def files(name: str, template: str, kind: str) -> dict[str, str]:
    """Path and content of every file of a new project."""
    language = kind.partition(":")[0]
    extension = EXTENSIONS[language]
    source = (_WEB if template == "web" else _PLAIN)[language]
    found = {f"src/hello.{extension}": source}
    more = "          web: true\n" if template == "web" else ""
    if template == "sequence":
        found[f"src/shout.{extension}"] = _SECOND[language]
        more = _SECOND_ACTION.format(extension=extension, kind=kind)
    found["manifest.yaml"] = _MANIFEST.format(
        name=name, extension=extension, kind=kind, more=more
    )
    found["test/event.json"] = '{"name": "Chasen"}\n'
    found[".wskignore"] = IGNORED
    return found


def new(session: Session) -> int:
    """Write a project, or list the templates."""
    call, out = session.call, session.out
    if call.on("list"):
        if out.structured:
            out.document(TEMPLATES)
        for name, text in TEMPLATES.items() if out.is_text else ():
            out.line(f"{name:<10} {text}")
        return 0
    if not call.operands:
        raise WskError(f"Invalid argument(s). {call.command.required}", usage=True)
    name, kind = call.operands[0], call.text("kind", "python:default")
    template = call.text("template", "web")
    if ":" not in kind:
        kind += ":default"
    _check(name, template, kind)
    folder = call.text("dir") or name
    if os.path.isdir(folder) and os.listdir(folder) and not call.on("force"):
        raise WskError(f"The folder '{folder}' is not empty; --force writes into it.")
    try:
        for path, content in files(name, template, kind).items():
            full = os.path.join(folder, path)
            os.makedirs(os.path.dirname(full) or ".", exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(content)
    except OSError as error:
        text = f"Cannot write '{error.filename}': {error.strerror}"
        raise WskError(text) from error
    out.done(f"created project {out.bold(name)} in {folder}", {"folder": folder})
    out.hint(f"cd {folder} && wsk dev")
    return 0


def _check(name: str, template: str, kind: str) -> None:
    for what, word, known in (
        ("template", template, TEMPLATES),
        ("language", kind.partition(":")[0], EXTENSIONS),
    ):
        if word not in known:
            close = nearest(word, known)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            text = f"There is no {what} '{word}'; there are {', '.join(known)}."
            raise WskError(text + hint, usage=True)
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        text = f"'{name}' is not a project name: use letters, digits, - and _."
        raise WskError(text, usage=True)
