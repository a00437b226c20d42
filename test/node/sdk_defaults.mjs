// Prints the HTTP status that a refresh by one of Junction's SDKs ends with, with the SDK's defaults.
// Arguments: the package, this API's base URL, a token, a user ID.
import { JunctionClient } from "@junction-api/sdk";
import { VitalClient } from "@tryvital/vital-node";

const [name, baseUrl, apiKey, userId] = process.argv.slice(2);
const refresh = {
  "@junction-api/sdk": () => new JunctionClient({ baseUrl, apiKey }).user.refresh({ userId, timeout: 5 }),
  "@tryvital/vital-node": () => new VitalClient({ baseUrl, apiKey }).user.refresh(userId, { timeout: 5 }),
}[name];

try {
  const { rawResponse } = await refresh().withRawResponse();
  console.log(rawResponse.status);
} catch ({ statusCode }) {
  console.log(statusCode);
}
