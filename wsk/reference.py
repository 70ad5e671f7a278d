"""The reference in docs/wsk.md, written from the command tree.

python -m wsk.reference > docs/wsk.md
"""

import sys
from collections.abc import Iterator

from wsk import catalog
from wsk.artifacts import LANGUAGES
from wsk.grammar import GLOBAL_FLAGS, Command, Flag, Group
from wsk.help import own_flags

HEAD = """\
# The command line: `wsk`

Generated from the command tree by `python -m wsk.reference`; do not edit.

`wsk` speaks OpenWhisk's REST API and is compatible with OpenWhisk's own `wsk`: names,
flags, output on a pipe and exit codes are the same. Colours, hints and tables appear on
a terminal only.

## First steps

```sh
chasen admin user get guest | wsk property set --apihost http://127.0.0.1:3233 --auth -
wsk action create hello hello.py --kind python:3.11
wsk action invoke hello --result --param name World
wsk logs --follow
```

The key is read from stdin (`--auth -`) or from a file (`--auth-file FILE`): an argument
would show it to everybody on the machine.

## Configuration

A flag wins over the environment, that over the properties file.

| property | flag | environment | in `~/.wskprops` |
|---|---|---|---|
| API host | `--apihost` | `WHISK_APIHOST` | `APIHOST` |
| key | `--auth` | `WHISK_AUTH` | `AUTH` |
| API version | `--apiversion` | `WHISK_APIVERSION` | `APIVERSION` |
| client certificate | `--cert`, `--key` | | `CERT`, `KEY` |
| certificates to trust | `--cacert` | | `CACERT` |
| no verification | `--insecure` | | `INSECURE_SSL=true` |
| output format | `--output` | `WSK_OUTPUT` | `OUTPUT` |
| colour | `--color` | `NO_COLOR`, `CLICOLOR_FORCE` | `COLOR` |

`WSK_CONFIG_FILE` names another properties file (empty: none), `WSK_CONTEXT` a context.
`WSK_CLI_DEBUG` is `--debug`; `WSK_SHOW_SECRETS=1` shows keys in `--verbose` output.

## Exit codes

| code | meaning |
|---|---|
| 0 | success |
| 1 | wrong command line, or a general failure |
| 2 | misuse: no code, a missing file, no key |
| 3 | the network: no connection, TLS, an answer that breaks off |
| 130 | Ctrl-C while waiting (`activation poll`: 1) |
| 149 | refused locally: flags that exclude each other |
| 202 | accepted, but not finished in time |
| 246 | the action reported an error |
| status - 256 | the server refused: 400 is 144, 401 is 145, 404 is 148, 409 is 153 |

## Parameter values

`--param KEY VALUE` sends VALUE as JSON if it parses, else as text in which backslash
escapes work. A quotation mark that is neither is an error: `--set-string KEY=VALUE`
takes any text, `--set KEY=@FILE` a file. `--param-file FILE` merges a JSON object; `-`
is stdin. Later keys win.

## Kinds by file name

"""


def _leaves(path: list[str]) -> Iterator[tuple[list[str], Command]]:
    node = catalog.walk(path)
    if isinstance(node, Group):
        for child in node.children:
            yield from _leaves([*path, child.name])
    elif node is not None:
        yield path, node


def _table(flags: tuple[Flag, ...]) -> Iterator[str]:
    yield "| flag | meaning |"
    yield "|---|---|"
    for flag in flags:
        short = f"`-{flag.short}`, " if flag.short else ""
        long = f"--{flag.name} {flag.metavar}".rstrip().replace("|", "\\|")
        text = flag.text.replace("|", "\\|")
        default = f" (default {flag.default})" if flag.default != "" else ""
        yield f"| {short}`{long}` | {text}{default} |"


def lines() -> Iterator[str]:
    """The page, line by line."""
    yield from HEAD.splitlines()
    yield "| name | kind |"
    yield "|---|---|"
    for extension, language in LANGUAGES.items():
        yield f"| `{extension}` | `{language}:default` |"
    yield "| `.zip` | `--kind` says it |"
    yield "| a folder | by its `package.json`, `__main__.py`, `go.mod`, ... |"
    yield "\n## Flags of every command\n"
    yield from _table(GLOBAL_FLAGS)
    for name, _, summary in catalog.GROUPS:
        yield f"\n## wsk {name}\n"
        yield f"{summary[0].upper()}{summary[1:]}."
        for path, command in _leaves([name]):
            yield from _command(path, command)


def _command(path: list[str], command: Command) -> Iterator[str]:
    if len(path) > 1:
        yield f"\n### wsk {' '.join(path)}\n"
        yield f"{command.summary[0].upper()}{command.summary[1:]}."
    usage = f"wsk {' '.join(path)} {command.operands}".rstrip()
    yield f"\nUsage: `{usage}`. Example:\n"
    yield f"```sh\n{command.example}\n```"
    flags = own_flags(path, command)
    if flags:
        yield ""
        yield from _table(flags)


def main() -> int:
    sys.stdout.write("\n".join(lines()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
