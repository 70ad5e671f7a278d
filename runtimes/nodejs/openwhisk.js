// The `openwhisk` module for actions that bring no client of their own, as OpenWhisk's
// images have it; compositions made by openwhisk-composer begin with that line.
//
// It invokes, fires and looks at what is there.  Whoever wants all of the client from
// npm puts it into the action's archive: what an action brings is found first.
// Names, arguments and errors are those of the client from npm (`options.name`,
// `error.statusCode`, `error.error`).

'use strict';

const { Agent } = require('node:https');

const encode = (name) => name.split('/').map(encodeURIComponent).join('/');

/** Answer [namespace, "[package/]name"] for a name as users write it. */
function address(name, namespace) {
  const parts = String(name ?? '').replace(/^\//, '').split('/');
  if (!parts[0]) throw new Error('Missing mandatory actionName or name parameter.');
  const isFull = String(name).startsWith('/') || parts.length === 3;
  return isFull ? [parts[0], parts.slice(1).join('/')] : [namespace, parts.join('/')];
}

class Client {
  constructor(options) {
    this.key = options.api_key ?? process.env.__OW_API_KEY;
    this.namespace = options.namespace ?? '_';
    const host = options.api ?? options.apihost ?? process.env.__OW_API_HOST;
    if (!host || !this.key) {
      throw new Error(
        'Invalid constructor options. Missing api_key or apihost: annotate the action ' +
        'with provide-api-key, or give both.');
    }
    const base = /^https?:\/\//.test(host) ? host : `https://${host}`;
    this.base = options.api ? base : `${base.replace(/\/$/, '')}/api/v1`;
    this.agent = options.ignore_certs && base.startsWith('https:')
      ? new Agent({ rejectUnauthorized: false })
      : undefined;
  }

  /** Answer the decoded body; rejects with what the server says. */
  request(method, path, query = {}, body = undefined) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const url = new URL(`${this.base.replace(/\/$/, '')}/${path}`);
    for (const [name, value] of given) url.searchParams.set(name, String(value));
    const { request } = require(url.protocol === 'http:' ? 'node:http' : 'node:https');
    const headers = { Authorization: `Basic ${Buffer.from(this.key).toString('base64')}` };
    const text = body === undefined ? undefined : JSON.stringify(body);
    if (text !== undefined) headers['Content-Type'] = 'application/json';
    return new Promise((resolve, reject) => {
      const sent = request(url, { method, headers, agent: this.agent }, (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const value = decoded(Buffer.concat(parts).toString());
          if (response.statusCode < 300) resolve(value);
          else reject(refusal(method, url, response.statusCode, value));
        });
      });
      sent.on('error', reject);
      sent.end(text);
    });
  }

  /** Answer the path of one thing, or of the collection without a name. */
  path(collection, options, name) {
    const home = options.namespace ?? this.namespace;
    if (name === undefined) return `namespaces/${encode(home)}/${collection}`;
    const [namespace, rest] = address(name, home);
    return `namespaces/${encode(namespace)}/${collection}/${encode(rest)}`;
  }
}

function decoded(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function refusal(method, url, status, body) {
  const reason = body?.error ?? body?.response?.result?.error ?? body;
  const shown = typeof reason === 'string' ? reason : JSON.stringify(reason);
  const error = new Error(
    `${method} ${url} Returned HTTP ${status} --> "${shown}"`);
  return Object.assign(error, { name: 'OpenWhiskError', statusCode: status, error: body });
}

/** Answer the options for a name given alone or among others. */
function named(given, ...names) {
  const options = typeof given === 'string' ? { name: given } : { ...given };
  options.name ??= names.map((name) => options[name]).find((name) => name !== undefined);
  return options;
}

function collection(client, kind, own) {
  return {
    list(options = {}) {
      const { limit, skip, count, since, upto, docs, name } = options;
      const query = { limit, skip, count, since, upto, docs };
      if (kind === 'activations') query.name = name;
      return client.request('GET', client.path(kind, options), query);
    },
    get(given) {
      const options = named(given, own);
      return client.request('GET', client.path(kind, options, options.name));
    },
  };
}

/** Answer a client with the key and host that the action was given, or these. */
module.exports = function openwhisk(options = {}) {
  const client = new Client(options);
  const actions = collection(client, 'actions', 'actionName');
  const triggers = collection(client, 'triggers', 'triggerName');
  const rules = collection(client, 'rules', 'ruleName');
  const activations = collection(client, 'activations', 'activationId');

  actions.invoke = async (given) => {
    const found = named(given, 'actionName');
    const { blocking = false, result = false, params = {} } = found;
    const query = blocking ? { blocking, result: result || undefined } : {};
    return client.request('POST', client.path('actions', found, found.name), query, params);
  };
  triggers.invoke = async (given) => {
    const found = named(given, 'triggerName');
    const path = client.path('triggers', found, found.name);
    return client.request('POST', path, {}, found.params ?? {});
  };
  for (const [verb, status] of [['enable', 'active'], ['disable', 'inactive']]) {
    rules[verb] = async (given) => {
      const found = named(given, 'ruleName');
      return client.request('POST', client.path('rules', found, found.name), {}, { status });
    };
  }
  for (const part of ['result', 'logs']) {
    activations[part] = async (given) => {
      const found = named(given, 'activationId', 'activation');
      return client.request('GET', `${client.path('activations', found, found.name)}/${part}`);
    };
  }
  return {
    actions,
    triggers,
    rules,
    activations,
    packages: collection(client, 'packages', 'packageName'),
    namespaces: { list: () => client.request('GET', 'namespaces') },
  };
};
