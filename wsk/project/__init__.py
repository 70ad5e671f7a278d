"""wsk project: a manifest in YAML, and what it makes of a namespace.

source.py     finding and reading manifest and deployment file
values.py     ${VARIABLES}, typed inputs
plan.py       manifest -> entities, every fault found before anything is sent
paths.py      files of a project: below its root, zipped as the manifest says
commands.py   deploy, undeploy, sync, export
apply.py      entities -> requests, in order and in reverse
managed.py    the annotation by which a project knows its own
export.py     a namespace -> manifest and code
"""
