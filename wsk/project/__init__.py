"""wsk project: a manifest in YAML, and what it makes of a namespace.

- source: finding and reading manifest and deployment file
- values: ${VARIABLES}, typed inputs
- plan, actions, references: manifest -> entities (planned), every fault found before
  anything is sent
- paths: files of a project, below its root, zipped as the manifest says
- commands: deploy, undeploy, sync
- apply: entities -> requests, in order and in reverse
- managed: the annotation by which a project knows its own
- export: a namespace -> manifest and code
"""
