"""wsk project: deploy, undeploy, sync, export; and wsk deploy."""

from wsk.grammar import Command, Flag, Group

_FLAGS = (
    Flag("project", "", "string", "DIR", ".", "folder of the project"),
    Flag("manifest", "", "string", "FILE", text="manifest (default: manifest.yaml)"),
    Flag("deployment", "", "string", "FILE", text="values on top of the manifest's"),
    Flag("projectname", "", "string", "NAME", text="name of the project"),
    Flag("preview", "", text="show what would be deployed"),
    Flag("strict", "", text="warnings are errors"),
    Flag("namespace", "n", "string", "NAME", text="namespace (default: the key's)"),
    Flag("cert", "c", "string", "PATH", text="client certificate (PEM)"),
    Flag("key", "k", "string", "PATH", text="client key (PEM)"),
)
_NONE = "No arguments are required."

ENTRIES = (
    Group(
        "project",
        "deploy a project by its manifest",
        (
            Command(
                "deploy", "project.commands:deploy",
                "create or update everything in the manifest",
                "wsk project deploy --preview", "", 0, 0, _NONE, (), "pP",
            ),
            Command(
                "undeploy", "project.commands:undeploy",
                "delete everything in the manifest",
                "wsk project undeploy", "", 0, 0, _NONE, (), "pP",
            ),
            Command(
                "sync", "project.commands:sync",
                "deploy, and delete what left the manifest",
                "wsk project sync --projectname shop", "", 0, 0, _NONE, (), "pP",
            ),
            Command(
                "export", "project.export:export",
                "write the manifest and the code of a synced project",
                "wsk project export --projectname shop --manifest shop.yaml",
                "", 0, 0, _NONE,
            ),
        ),
        _FLAGS,
    ),
    Command(
        "deploy", "project.commands:deploy_folder",
        "deploy a project: short for `project deploy`",
        "wsk deploy . --diff", "[DIR]", 0, 1, "A folder is the only valid argument.",
        (
            *_FLAGS,
            Flag("diff", "", text="show what would change"),
            Flag("exit-code", "", text="with --diff: exit 2 if anything would change"),
            Flag("watch", "", text="deploy again when a file changes"),
            Flag("env", "", "string", "NAME", text="use deployment.NAME.yaml"),
        ),
        "pP",
    ),
)  # fmt: skip
