"""The views of the CouchDB store, in JavaScript.

Names bear a version: a changed view is a new design document, so that two releases can
run side by side.  The code keeps to what CouchDB's engines and PouchDB both know: ES5,
``var``, no function names, no built-in reduce but ``_count``.
"""

from __future__ import annotations

from dataclasses import dataclass

from chasen.stores.documents import Document

# Newest first and names upwards in one key needs a time that falls.  Taken from this,
# the year 2286, it stays positive: PouchDB garbles negative keys.
TIME_TOP_MS = 10**13


@dataclass(frozen=True, slots=True)
class Design:
    """A design document; views by name, as map functions counted by ``_count``."""

    name: str
    views: dict[str, str]

    @property
    def identifier(self) -> str:
        return f"_design/{self.name}"

    def document(self) -> Document:
        return {
            "_id": self.identifier,
            "language": "javascript",
            "views": {
                name: {"map": code, "reduce": "_count"}
                for name, code in self.views.items()
            },
        }


# Names are ordered by their hexadecimal form: servers differ in how they order text
# (by ICU, or by code unit), but not in this.
ENTITIES = Design(
    "entities.v2",
    {
        "list": """function (doc) {
  if (!doc.entityType || typeof doc.namespace !== 'string') { return; }
  if (typeof doc.updated !== 'number') { return; }
  var order = '';
  for (var i = 0; i < doc._id.length; i += 1) {
    order += (65536 + doc._id.charCodeAt(i)).toString(16).slice(1);
  }
  var age = 10000000000000 - doc.updated;
  var root = doc.namespace.split('/')[0];
  emit([doc.entityType, root, age, order], null);
  if (root !== doc.namespace) {
    emit([doc.entityType, doc.namespace, age, order], null);
  }
  if (doc.entityType === 'package' && doc.publish && !doc.binding) {
    emit(['package, shared', root, age, order], null);
  }
}"""
    },
)

ACTIVATIONS = Design(
    "activations.v1",
    {
        "list": """function (doc) {
  if (doc.entityType !== 'activation' || typeof doc.start !== 'number') { return; }
  var summary = {
    activationId: doc.activationId, namespace: doc.namespace, name: doc.name,
    version: doc.version, subject: doc.subject, start: doc.start, end: doc.end,
    duration: doc.duration, response: doc.response, annotations: doc.annotations,
    cause: doc.cause, placeholder: doc.placeholder
  };
  emit([doc.namespace, doc.start], summary);
  if (typeof doc.path === 'string') {
    emit([doc.namespace + '/' + doc.path, doc.start], summary);
  }
}"""
    },
)
