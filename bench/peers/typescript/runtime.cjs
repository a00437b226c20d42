// The smallest loop that asks Lambda's runtime API for events and answers them: `node runtime.cjs HANDLER_FILE`. It stands
// for Lambda's own Node.js runtime, whose client (aws-lambda-ric) has to be compiled. That does more at the start and
// per event, so this favors the function that runs in it.
"use strict";
const http = require("node:http");
const path = require("node:path");

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, resource, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, agent, method, path: `/2018-06-01/runtime/invocation/${resource}` }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ id: response.headers["lambda-runtime-aws-request-id"], body: Buffer.concat(chunks).toString() }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function main() {
  const { handler } = require(path.resolve(process.argv[2]));
  for (;;) {
    const { id, body } = await call("GET", "next");
    try {
      await call("POST", `${id}/response`, JSON.stringify(await handler(JSON.parse(body))));
    } catch (error) {
      await call("POST", `${id}/error`, JSON.stringify({ errorType: error.name, errorMessage: String(error) }));
    }
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
