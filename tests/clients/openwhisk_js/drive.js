// Drives the `openwhisk` client from npm: a line of JSON in, a line of JSON out.
//
//   {"connect": {"apihost": ..., "api_key": ...}}        options of the client
//   {"call": "actions.create", "arguments": [...]}       a method of it
//
// Answers {"value": ...} or {"error": {"message", "statusCode", "body"}}.
// {"$base64": text} in arguments becomes a Buffer, as code of archives is given.

'use strict'

const openwhisk = require('openwhisk')
const readline = require('node:readline')

let client

const revive = (key, value) =>
  value && value.$base64 ? Buffer.from(value.$base64, 'base64') : value

const answer = async line => {
  const asked = JSON.parse(line, revive)
  if (asked.connect) {
    client = openwhisk(asked.connect)
    return { value: Object.keys(client) }
  }
  const [resource, verb] = asked.call.split('.')
  const value = await client[resource][verb](...asked.arguments)
  return { value: value === undefined ? null : value }
}

const told = error => ({
  error: { message: error.message, statusCode: error.statusCode, body: error.error }
})

const main = async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const reply = await answer(line).catch(told)
    process.stdout.write(JSON.stringify(reply) + '\n')
  }
}

main()
