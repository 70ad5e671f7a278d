/* The one action of this process: its code is placed, loaded once, and run.
 *
 * Knows neither HTTP nor where logs go.  Source: service.js and runner.js of
 * OpenWhisk's Node runtime, for every answer and sentence.
 */
'use strict';

const fs = require('fs');
const path = require('path');

const NO_CODE = 'Missing main/no code to execute.';
const SECOND_INIT = 'Cannot initialize the action more than once.';
const NOT_INITIALIZED = 'System not initialized.';
const NOT_A_DICTIONARY = 'The action did not return a dictionary or array.';
const NO_ENTRY = 'Zipped actions must contain either package.json or index.js at the root.';

const failure = (status, sentence, endsRun) => ({
  status,
  result: JSON.stringify({ error: sentence }),
  endsRun,
});

const asText = (value) => {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
};

function exportVariable(name, text) {
  try {
    if (text === undefined) delete process.env[name];
    else process.env[name] = text;
  } catch (error) {
    console.error(`Cannot set the variable '${name}': ${error.message}`);
  }
}

/** Answer an error as JSON can hold it, its text included. */
function describe(error, seen = new Set()) {
  if (typeof error === 'function') return `[Function: ${error.name || 'anonymous'}]`;
  if (typeof error === 'bigint') return `${error}n`;
  if (error === null || typeof error !== 'object') return error;
  if (seen.has(error)) return '[Circular]';
  if (typeof error.toJSON === 'function') return error.toJSON();
  seen.add(error);
  const plain = Array.isArray(error) ? [] : {};
  for (const [key, value] of Object.entries(error)) {
    if (typeof value !== 'function') plain[key] = describe(value, seen);
  }
  for (const key of ['name', 'message', 'stack', 'code']) {
    if (error instanceof Error && typeof error[key] === 'string') plain[key] = error[key];
  }
  seen.delete(error);
  return plain;
}

/** Answer the property that a dotted name says, or undefined. */
function lookUp(holder, names) {
  return names.reduce((value, name) => (value == null ? undefined : value[name]), holder);
}

function assertFunction(entry, name) {
  if (typeof entry === 'function') return entry;
  throw new Error(`Action entrypoint '${name}' is not a function.`);
}

/** Let code find the client that OpenWhisk's images have, unless it brings its own. */
function provideClient() {
  const Module = require('module');
  const resolve = Module._resolveFilename;
  Module._resolveFilename = function (request, ...rest) {
    try {
      return resolve.call(this, request, ...rest);
    } catch (error) {
      if (request !== 'openwhisk') throw error;
      return path.join(__dirname, 'openwhisk.js');
    }
  };
}

/** Answer the entry function of an action that is one file. */
function loadSource(code, main, folder) {
  // With its require, code can use what an image has in /node_modules.
  const { compileFunction, constants } = require('vm');
  const Module = require('module');
  provideClient();
  if (!/^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d.]*$/u.test(main)) {
    throw new Error(`Name of main function is not valid: '${main}'.`);
  }
  const file = path.join(folder, 'main.js');
  fs.mkdirSync(folder, { recursive: true });
  process.chdir(folder);
  const module = new Module(file);
  module.filename = file;
  module.paths = Module._nodeModulePaths(folder);
  const names = main.split('.');
  const loaded = compileFunction(
    `${code}\n;return typeof ${names[0]} === 'undefined' ? undefined : ${main};`,
    ['exports', 'require', 'module', '__filename', '__dirname'],
    // Without it import() would fail in code that is not a module.
    { filename: file, importModuleDynamically: constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER },
  );
  const { exports } = module;
  const entry = loaded.call(exports, exports, Module.createRequire(file), module, file, folder);
  return assertFunction(entry ?? lookUp(module.exports, names), main);
}

/** Answer the entry function of an action that is an archive in base64. */
async function loadArchive(code, main, folder) {
  const { unpack } = require('./unpack');
  fs.mkdirSync(folder, { recursive: true });
  await unpack(Buffer.from(code, 'base64'), folder);
  process.chdir(folder);
  provideClient();
  const load = require('module').createRequire(path.join(folder, 'index.js'));
  const [first, ...rest] = main.split('.');
  if (rest.length && ['', '.js', '.cjs', '/index.js'].some((end) => fs.existsSync(first + end))) {
    return assertFunction(lookUp(load(path.join(folder, first)), rest), main);
  }
  if (!fs.existsSync('package.json') && !fs.existsSync('index.js')) throw NO_ENTRY;
  return assertFunction(lookUp(load(folder), [first, ...rest]), main);
}

class Action {
  constructor(folder, concurrent) {
    this.folder = path.resolve(folder);
    this.concurrent = concurrent;
    this.status = 'ready';
    this.latched = false;
    this.entry = undefined;
    this.seen = {}; // key -> value of the last run
    this.before = {}; // key -> what its variable was before runs set it
  }

  ready() {
    return this.status === 'ready' && this.entry !== undefined;
  }

  /** Answer POST /init, `{"value": {"code": "...", "main": "main", ...}}`. */
  async init(request) {
    if (this.latched) {
      console.error('Internal system error:', SECOND_INIT);
      return failure(403, SECOND_INIT, false);
    }
    const { main, code, binary, env } = request.value || {};
    if (typeof main !== 'string' || typeof code !== 'string' || !main || !code) {
      return failure(403, NO_CODE, false);
    }
    this.latched = true;
    for (const [name, value] of Object.entries(env || {})) {
      exportVariable(name, asText(value));
    }
    try {
      const load = binary ? loadArchive : loadSource;
      this.entry = await load(code, main, this.folder);
    } catch (error) {
      return this.initFailed(error);
    }
    return { status: 200, result: '{"OK":true}', endsRun: false };
  }

  initFailed(error) {
    this.status = 'stopped';
    if (error && error.name === 'Refused') {
      const { message } = error;
      console.error(
        'Error during initialization: There was an error uncompressing the action ' +
          `archive: ${message}`,
      );
      const sentence = `The action failed during initialization: archive refused: ${message}`;
      return failure(502, sentence, true);
    }
    console.error('Error during initialization:', error);
    const text = (error && error.stack) || error;
    return failure(502, `Initialization has failed due to: ${text}`, true);
  }

  /** Answer POST /run, `{"value": {...}, "namespace": "guest", ...}`, or promise to. */
  run(request) {
    if (!this.ready()) {
      const status = `System not ready, status is ${this.status}.`;
      const sentence = this.entry ? status : NOT_INITIALIZED;
      console.error('Internal system error:', sentence);
      return failure(403, sentence, false);
    }
    const { value = {}, ...context } = request;
    if (value !== null && typeof value !== 'object') {
      const sentence =
        'Internal system error: the argument must be a dictionary but has type ' +
        `'${typeof value}'.`;
      console.error(sentence);
      return failure(403, sentence, true);
    }
    if (!this.concurrent) this.status = 'running';
    this.exportContext(context);
    let result;
    try {
      result = this.entry(value === null ? {} : value);
    } catch (error) {
      console.error(error);
      return this.failed(error);
    }
    if (result === null || result === undefined || typeof result.then !== 'function') {
      return this.finished(result);
    }
    return Promise.resolve(result).then(
      (settled) => this.finished(settled),
      // What a promise is rejected with is an answer of the function's own.
      (error) => this.finished({ error: error ? describe(error) : {} }),
    );
  }

  /** Answer that the run ended by throwing; nothing runs here after that. */
  failed(error) {
    this.status = 'stopped';
    return failure(502, `An error has occurred: ${error}`, true);
  }

  finished(result) {
    if (this.status === 'running') this.status = 'ready';
    if (result === undefined) return { status: 200, result: '{}', endsRun: true };
    if (typeof result !== 'object') return failure(502, NOT_A_DICTIONARY, true);
    let text;
    try {
      text = JSON.stringify(result);
    } catch (error) {
      console.error(`The result is not JSON: ${error.message}`);
    }
    // null goes out as it came: OpenWhisk's runtime does so, and the invoker refuses it.
    if (text === undefined || (result !== null && !/^[{[]/.test(text))) {
      return failure(502, NOT_A_DICTIONARY, true);
    }
    return { status: 200, result: text, endsRun: true };
  }

  exportContext(context) {
    const { seen, before } = this;
    this.seen = context;
    for (const key of Object.keys(context)) {
      if (seen[key] === context[key]) continue;
      const name = `__OW_${key.toUpperCase()}`;
      if (!(key in before)) before[key] = process.env[name];
      exportVariable(name, asText(context[key]));
    }
    for (const key of Object.keys(seen)) {
      if (key in context) continue;
      exportVariable(`__OW_${key.toUpperCase()}`, before[key]);
      delete before[key];
    }
  }
}

module.exports = { Action };
