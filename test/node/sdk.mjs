// Prints as JSON how one of Junction's SDKs, set to this API's base URL, decodes the answers for four users.
// Arguments: the package, the base URL.
import { JunctionClient } from "@junction-api/sdk";
import { VitalClient } from "@tryvital/vital-node";

const [packageName, baseUrl] = process.argv.slice(2);
const options = { baseUrl, apiKey: "any", maxRetries: 0 };
const call = {
  "@junction-api/sdk": (userId) => new JunctionClient(options).user.refresh({ userId, timeout: 5 }),
  "@tryvital/vital-node": (userId) => new VitalClient(options).user.refresh(userId, { timeout: 5 }),
}[packageName];

async function refresh(name, userId) {
  try {
    const got = await call(userId);
    return {
      case: name, success: got.success, user_id: got.userId,
      refreshed: got.refreshedSources, in_progress: got.inProgressSources, failed: got.failedSources,
    };
  } catch (error) {
    const { name: type, statusCode: status, body } = error;
    const problem = { case: name, error: type === "Error" ? error.constructor.name : type, status };
    if (body?.detail) return { ...problem, loc: body.detail[0].loc, msg: body.detail[0].msg };
    return { ...problem, success: body?.success, user_id: body?.userId ?? body?.user_id, text: body?.error };
  }
}

console.log(JSON.stringify([
  await refresh("partial", "1449752e-0d8a-40e0-9206-91ab099b2537"),
  await refresh("in progress", "b21c9f0e-6a47-4d83-8e15-90d3c7f2a645"),
  await refresh("no sources", "e4a85d37-93c1-4f6b-a2d8-5b07f1c86e92"),
  await refresh("no UUID", "not-a-uuid"),
]));
