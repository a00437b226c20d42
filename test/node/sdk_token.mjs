// Prints as JSON how Junction's official SDK, set to this API's base URL and with a token as its key, decodes three
// answers; and the answer to another token.
import { JunctionClient } from "@junction-api/sdk";

const [baseUrl, token] = process.argv.slice(2);

async function refresh(apiKey, userId) {
  try {
    const client = new JunctionClient({ baseUrl, apiKey, maxRetries: 0 });
    return { status: 200, success: (await client.user.refresh({ userId, timeout: 5 })).success };
  } catch ({ statusCode: status, body }) {
    return { status, success: body?.success ?? false };
  }
}

console.log(JSON.stringify([
  await refresh(token, "1449752e-0d8a-40e0-9206-91ab099b2537"),
  await refresh(token, "e4a85d37-93c1-4f6b-a2d8-5b07f1c86e92"),
  await refresh(token, "not-a-uuid"),
  await refresh(`${token}!`, "1449752e-0d8a-40e0-9206-91ab099b2537"),
]));
